#include "runtime/tool/load.h"

#include <fmt/format.h>

#include <filesystem>

#include "compiler/codegen/build.h"
#include "compiler/frontend/readers.h"
#include "runtime/tool/report.h"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

// What a proof says holds for the plan as it was then, and for nothing else.
diag::Result<void> check_proof(const Loaded& loaded, const RuntimeOptions& options) {
  const plan::Proof& proof = loaded.plan.proof;
  if (proof.status == "proved") {
    if (proof.content == plan::content_hash(loaded.plan)) return {};
    if (options.unproved) {
      say(options.plan + " was edited after it was proved; it runs because of --unproved");
      return {};
    }
    return diag::fail(
        diag::Diagnostic{.code = "E0453",
                         .message = fmt::format("{} was edited after it was proved", options.plan),
                         .help = "compile it again, or check it with `weft verify`"});
  }
  if (options.unproved) {
    say(options.plan + " has no proof; it runs because of --unproved");
    return {};
  }
  return diag::fail(diag::Diagnostic{.code = "E0457",
                                     .message = fmt::format("{} has no proof", options.plan),
                                     .help = "compile it without --no-proof, or add --unproved"});
}

// Before anything is started or set.
diag::Result<void> check_placement(const Loaded& loaded) {
  for (const plan::Placed& p : loaded.plan.chosen.placement) {
    if (p.how == ir::Placement::run_to_completion || p.endpoint >= loaded.plan.endpoints.size())
      continue;
    return diag::fail(diag::Diagnostic{
        .code = "E0656",
        .message = fmt::format("endpoint {} is to run {}, and there is no runtime for that yet",
                               loaded.plan.endpoints[p.endpoint].name, ir::to_string(p.how)),
        .help =
            "leave out `placement:`, or say `placement: run_to_completion`, and compile again"});
  }
  return {};
}

diag::Result<void> check_inputs(const Loaded& loaded, const RuntimeOptions& options) {
  const auto differs = [&](const char* input, const std::string& digest) {
    const auto found = loaded.plan.inputs.find(input);
    return found != loaded.plan.inputs.end() && found->second != digest;
  };
  std::string what;
  if (differs("nic", loaded.model.digest)) what = fmt::format("model `{}`", loaded.model.name);
  if (differs("headers", loaded.fields.digest)) what = "header declarations";
  if (what.empty()) return {};
  if (options.unproved) {
    say(fmt::format("the plan was made from other {}; it runs because of --unproved", what));
    return {};
  }
  return diag::fail(diag::Diagnostic{
      .code = "E0454",
      .message = fmt::format("{} was made from another version of the {}", options.plan, what),
      .help = "compile it again"});
}

// Wires have models too: a card on top may be able to do more than they. (Those of files have none,
// and no limits; a card of its own is what the plan's model describes.)
diag::Result<void> look_at_wire(Loaded& loaded, const ports::WireName& wire) {
  const unsigned frame = loaded.plan.host.mtu + 18u;  // header and checksum
  unsigned segments = 65535;
  if (wire.kind == ports::WireName::Kind::pci) {
    segments = loaded.model.rx_segments;
  } else if (wire.live()) {
    const std::string kind = wire.text.substr(0, wire.text.find(':'));
    auto nic = frontend::read_nic(root() + "/nicmodels/" + kind + ".yaml", loaded.fields);
    if (!nic) return diag::fail(nic.error());
    loaded.wire_limits = {.segments = nic->tx_segments, .external_buffers = nic->external_buffers};
    segments = nic->rx_segments;
    if (frame > nic->max_frame)
      return diag::fail(diag::Diagnostic{
          .code = "E0612",
          .message =
              fmt::format("the plan's MTU is {}; {} carries frames of at most {} bytes, that "
                          "is an MTU of {}",
                          loaded.plan.host.mtu, wire.text, nic->max_frame, nic->max_frame - 18),
          .help = "set a smaller `mtu` in the workload, or take another wire (weft nic list)"});
  }
  loaded.buffers.scatters = loaded.model.rx_segments > 1 && segments > 1;
  return {};
}

}  // namespace

diag::Result<Loaded> load(const RuntimeOptions& options) {
  Loaded loaded;
  auto fields = frontend::read_headers(root() + "/graphs/headers");
  if (!fields) return diag::fail(fields.error());
  loaded.fields = std::move(*fields);
  auto plan = plan::read_plan(options.plan, loaded.fields);
  if (!plan) return diag::fail(plan.error());
  loaded.plan = std::move(*plan);
  loaded.name = options.name.empty() ? fs::path(options.plan).stem().string() : options.name;
  if (auto good = check_proof(loaded, options); !good) return diag::fail(good.error());
  if (auto good = check_placement(loaded); !good) return diag::fail(good.error());
  const std::string path =
      options.nic.empty() ? root() + "/nicmodels/" + loaded.plan.nic + ".yaml" : options.nic;
  auto model = frontend::read_nic(path, loaded.fields);
  if (!model) return diag::fail(model.error());
  loaded.model = std::move(*model);
  if (auto good = check_inputs(loaded, options); !good) return diag::fail(good.error());
  if (options.wire) {
    if (auto good = look_at_wire(loaded, *options.wire); !good) return diag::fail(good.error());
    loaded.buffers.kernel_cuts =
        options.card == "port" && options.wire->kind == ports::WireName::Kind::af_packet;
  }
  return loaded;
}

diag::Result<apps::Library> load_app(const std::string& name, const RuntimeOptions& options) {
  std::vector<std::string> folders = options.app_path;
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  folders.push_back((self.parent_path() / "apps").string());
  return apps::load_app(name, folders);
}

diag::Result<std::vector<apps::Library>> load_apps(const plan::Plan& plan,
                                                   const RuntimeOptions& options) {
  std::vector<apps::Library> libraries;
  for (const ir::Endpoint& endpoint : plan.endpoints) {
    if (endpoint.vacant()) {
      libraries.emplace_back();
      continue;
    }
    auto library = load_app(endpoint.app, options);
    if (!library) return diag::fail(library.error());
    libraries.push_back(std::move(*library));
  }
  return libraries;
}

diag::Result<engine::GeneratedObject> build_code(const plan::Plan& plan,
                                                 const ir::FieldTable& fields) {
  auto built = codegen::build(plan, fields);
  if (!built) return diag::fail(built.error());
  if (!built->cached) say(fmt::format("generated code compiled in {:.1f} s", built->seconds));
  return engine::GeneratedObject::load(built->object, built->key, plan);
}

diag::Result<std::optional<engine::GeneratedObject>> load_code(const Loaded& loaded,
                                                               const RuntimeOptions& options) {
  if (options.interpret) return std::nullopt;
  std::string path = options.object, key;
  if (path.empty()) {
    auto built = codegen::build(loaded.plan, loaded.fields);
    if (!built && built.error().list.front().code == "E0510") {
      say("there is no C++ compiler here: the plan is interpreted");
      return std::nullopt;
    }
    if (!built) return diag::fail(built.error());
    if (!built->cached) say(fmt::format("generated code compiled in {:.1f} s", built->seconds));
    path = built->object;
    key = built->key;
  }
  auto object = engine::GeneratedObject::load(path, key, loaded.plan);
  if (!object) return diag::fail(object.error());
  return std::optional(std::move(*object));
}

}  // namespace weft::tool
