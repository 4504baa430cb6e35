#include "runtime/engine/generated.h"

#include <fmt/format.h>

#include "compiler/ir/edges.h"

namespace weft::engine {
namespace {

class GeneratedRunner final : public ResidueRunner {
 public:
  GeneratedRunner(std::shared_ptr<codegen::Generated> object, const weft_residue& residue)
      : object_(std::move(object)), residue_(residue) {}
  void receive(Core& core, Frame* const* frames, unsigned n) override {
    residue_.receive(core, frames, n);
  }
  void send(Core& core, const Datagram* datagrams, unsigned n) override {
    residue_.send(core, datagrams, n);
  }
  void run(Core& core, Packet* packets, unsigned n, unsigned entry) override {
    residue_.run(core, packets, n, entry);
  }

 private:
  std::shared_ptr<codegen::Generated> object_;
  const weft_residue residue_;
};

}  // namespace

diag::Result<GeneratedObject> GeneratedObject::load(const std::string& path, const std::string& key,
                                                    const plan::Plan& plan) {
  auto object = codegen::load(path, key);
  if (!object) return diag::fail(object.error());
  GeneratedObject made;
  made.object_ = std::move(*object);
  for (const plan::Residue& residue : plan.residues) {
    const weft_residue* found = made.object_->residue(residue.id);
    const std::size_t edges = ir::EdgeTable::of(residue.graph).size();
    if (found != nullptr && found->edge_count == edges) continue;
    return diag::fail(diag::Diagnostic{
        .code = "E0520",
        .message = fmt::format("{} does not fit: residue {} {}", path, residue.id,
                               found == nullptr ? "is missing" : "counts other edges"),
        .help = "remove it; `weft build` makes it again"});
  }
  return made;
}

std::unique_ptr<ResidueRunner> GeneratedObject::runner(const plan::Residue& residue) const {
  return std::make_unique<GeneratedRunner>(object_, *object_->residue(residue.id));
}

}  // namespace weft::engine
