#include "runtime/tool/probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "compiler/frontend/nic_print.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/plan.h"
#include "runtime/doctor/doctor.h"
#include "runtime/doctor/pci.h"
#include "runtime/emulator/emulated_card.h"
#include "runtime/ports/eal.h"
#include "runtime/ports/ethdev_control.h"
#include "runtime/ports/pci_port.h"
#include "runtime/ports/ring_port.h"
#include "runtime/ports/vdev.h"
#include "runtime/probe/learned.h"
#include "runtime/tool/options.h"
#include "runtime/tool/report.h"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Kind = ports::WireName::Kind;

constexpr std::string_view emulated = "emulated:";

// The wire of an emulated card that nothing comes to.
class Silence final : public ports::Wire {
 public:
  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf**, std::uint16_t) override { return 0; }
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override {
    rte_pktmbuf_free_bulk(frames, n);
    return n;
  }
  ports::WireCounters counters() const override { return {}; }

 private:
  std::string name_ = "nothing";
};

// The port that is asked, with all that it stands on.
struct Target {
  Silence silence;
  std::unique_ptr<ports::PciPort> pci;
  std::unique_ptr<ports::RingPort> ring;
  std::unique_ptr<ports::Vdev> vdev;
  std::unique_ptr<ports::Card> card;
};

diag::Result<std::string> model_path(const std::string& model) {
  for (const std::string& path : {root() + "/nicmodels/" + model + ".yaml", model})
    if (fs::exists(path)) return path;
  return diag::fail(diag::Diagnostic{.code = "E0460",
                                     .message = fmt::format("there is no NIC model `{}`", model),
                                     .help = "weft nic list shows those that are installed"});
}

diag::Result<void> open_emulated(const std::string& model, const ir::FieldTable& fields,
                                 Target& out) {
  auto path = model_path(model);
  if (!path) return diag::fail(path.error());
  auto nic = frontend::read_nic(*path, fields);
  if (!nic) return diag::fail(nic.error());
  auto card = emulator::EmulatedCard::make(*nic, fields, out.silence);
  if (!card) return diag::fail(card.error());
  out.card = std::move(*card);
  return {};
}

diag::Result<void> open_port(const ports::WireName& wire, Target& out) {
  constexpr std::uint64_t kernel_mac = 0x020000000101, own_mac = 0x020000000001;
  std::uint16_t port = 0;
  if (wire.kind == Kind::pci) {
    auto made = ports::PciPort::open(wire.interface);
    if (!made) return diag::fail(made.error());
    out.pci = std::move(*made);
    port = out.pci->port();
  } else if (wire.kind == Kind::ring) {
    auto made = ports::RingPort::make(wire.interface, 4);
    if (!made) return diag::fail(made.error());
    out.ring = std::move(*made);
    port = out.ring->port();
  } else {
    auto made = ports::vdev_for(wire, kernel_mac, own_mac, 4, 1500);
    // An interface may have fewer queues than that.
    if (!made) made = ports::vdev_for(wire, kernel_mac, own_mac, 1, 1500);
    if (!made) return diag::fail(made.error());
    out.vdev = std::move(*made);
    port = out.vdev->port();
  }
  rte_mempool* pool =
      rte_pktmbuf_pool_create("probe", 16383, 64, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
  if (pool == nullptr)
    return diag::fail(diag::Diagnostic{.code = "E0654", .message = "no memory for packet buffers"});
  out.card =
      std::make_unique<ports::EthdevCard>(port, pool, ports::TransmitLimits{}, nullptr, nullptr);
  return {};
}

// The catalogue's model for this driver that differs least; nullopt: the driver is not in it.
std::optional<ir::NicModel> known_model(const probe::Findings& found,
                                        const ir::FieldTable& fields) {
  std::optional<ir::NicModel> best;
  std::size_t least = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root() + "/nicmodels"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    auto nic = frontend::read_nic(file.string(), fields);
    if (!nic || nic->driver != found.driver) continue;
    const std::size_t n = probe::differences(*nic, found, fields).size();
    if (best && n >= least) continue;
    least = n;
    best = std::move(*nic);
  }
  return best;
}

std::string verdict(const probe::Attempt& rule) {
  if (rule.creates) return "taken";
  return rule.validates ? "validates, not created" : "refused";
}

void show(const probe::Findings& f) {
  std::printf("%s: driver %s\n", f.port.c_str(), f.driver.c_str());
  const auto line = [](const char* what, const std::string& text) {
    std::printf("  %-12s %s\n", what, text.c_str());
  };
  const auto list = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("none") : fmt::format("{}", fmt::join(names, ", "));
  };
  line("queues", fmt::format("{} receive, {} transmit", f.rx_queues, f.tx_queues));
  line("frames", fmt::format("up to {} bytes; {}", f.max_frame,
                             f.tx_segments == 0
                                 ? "the driver names no limit of segments"
                                 : fmt::format("{} segments each on transmit", f.tx_segments)));
  line("receive", list(f.rx_offloads));
  line("transmit", list(f.tx_offloads));
  if (f.rss_types.empty() && f.key_bytes == 0 && f.table_size == 0) {
    line("rss", "none reported");
  } else {
    line("rss", fmt::format("{}; key {}, table {}", list(f.rss_types),
                            f.key_bytes == 0 ? "not reported"
                            : f.key_settable ? fmt::format("of {} bytes", f.key_bytes)
                                             : "can't be set",
                            f.table_size == 0  ? "not reported"
                            : f.table_settable ? fmt::format("of {}", f.table_size)
                                               : "can't be set"));
  }
  for (const probe::Attempt& rule : f.rules) {
    std::string text = verdict(rule);
    for (const auto& [name, n] : f.fits) {
      if (name == rule.name)
        text += n < f.tried_to_fit ? fmt::format(", {} fit", n) : fmt::format(", {} and more", n);
    }
    if (!rule.says.empty()) text += ": " + rule.says;
    std::printf("  rule  %-46s %s\n", rule.name.c_str(), text.c_str());
  }
  if (f.one_mask)
    line("masks",
         f.one_mask_per_type ? "one for all rules of a type of packets" : "one for all rules");
}

Json to_json(const probe::Findings& f) {
  Json rules = Json::array();
  for (const probe::Attempt& rule : f.rules) {
    Json row{{"rule", rule.name},
             {"validates", rule.validates},
             {"creates", rule.creates},
             {"says", rule.says}};
    for (const auto& [name, n] : f.fits)
      if (name == rule.name) row["fit"] = n;
    rules.push_back(std::move(row));
  }
  return {{"format_version", 1},
          {"port", f.port},
          {"driver", f.driver},
          {"rx_queues", f.rx_queues},
          {"tx_queues", f.tx_queues},
          {"rx_descriptors", f.rx_descriptors_max},
          {"tx_descriptors", f.tx_descriptors_max},
          {"tx_segments", f.tx_segments},
          {"max_frame", f.max_frame},
          {"rx_offloads", f.rx_offloads},
          {"tx_offloads", f.tx_offloads},
          {"rss",
           {{"key_bytes", f.key_bytes},
            {"table_size", f.table_size},
            {"types", f.rss_types},
            {"key_settable", f.key_settable},
            {"table_settable", f.table_settable}}},
          {"rules", rules},
          {"tried_to_fit", f.tried_to_fit},
          {"one_mask", !f.one_mask           ? "no"
                       : f.one_mask_per_type ? "type"
                                             : "port"}};
}

int tell(const probe::Findings& found, const ir::FieldTable& fields, const ProbeOptions& options) {
  const auto known = known_model(found, fields);
  const auto differs =
      known ? probe::differences(*known, found, fields) : std::vector<std::string>{};
  const std::string stem = fs::path(options.output).stem().string();
  const std::string name = stem.empty() ? "probed" : stem;
  const ir::NicModel model =
      known ? probe::narrowed(*known, found, name, fields) : probe::model_of(found, name, fields);
  if (options.json) {
    Json out = to_json(found);
    out["catalogue"] = known ? Json{{"model", known->name}, {"differences", differs}} : Json();
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    show(found);
    if (!known)
      std::printf("the catalogue has no model for driver %s\n", found.driver.c_str());
    else if (differs.empty())
      std::printf("as the catalogue's model %s says\n", known->name.c_str());
    else
      std::printf("differs from the catalogue's model %s:\n", known->name.c_str());
    for (const std::string& line : differs) std::printf("  - %s\n", line.c_str());
  }
  std::fflush(stdout);
  if (options.output.empty()) return ok;
  const std::string text = frontend::print_nic(
      model, fmt::format("weft nic probe {}", found.port),
      known ? fmt::format("Written by `weft nic probe {}`: the catalogue's model {}, narrowed to "
                          "what this port has.",
                          found.port, known->name)
            : fmt::format("Written by `weft nic probe {}`. No packet was looked at: what checksums "
                          "in descriptors are\nworth, what is hashed, and whether rules for UDP "
                          "keep TCP out is not known; see the driver.",
                          found.port));
  if (auto written = plan::write_file_atomically(text, options.output); !written)
    return report(written.error());
  say(fmt::format("wrote {}", options.output));
  return ok;
}

diag::Result<void> prepare(const std::optional<ports::WireName>& wire) {
  ports::EalOptions eal;
  eal.prefix = fmt::format("weft-probe-{}", getpid());
  eal.megabytes = 128;
  if (wire && wire->kind == Kind::pci) {
    eal.pci_device = wire->interface;
    eal.huge_pages =
        doctor::needs_huge_pages(wire->interface) || ports::free_huge_megabytes() >= eal.megabytes;
  }
  return ports::start_eal(eal);
}

}  // namespace

int probe(const ProbeOptions& options) {
  auto fields = frontend::read_headers(root() + "/graphs/headers");
  if (!fields) return report(fields.error());
  const bool in_software = options.port.starts_with(emulated);
  std::optional<ports::WireName> wire;
  if (!in_software) {
    auto name = ports::wire_name(options.port);
    if (!name) return report(name.error());
    if (!name->live()) {
      say("a capture is no port; name one: pci:ADDRESS, tap:NAME, emulated:MODEL");
      return usage;
    }
    wire = *name;
    doctor::Question question;
    question.wire = wire;
    question.own_port = true;
    question.traffic = false;
    const auto checks = doctor::examine(question);
    if (!doctor::all_ok(checks)) {
      std::fputs(doctor::to_text(checks, true).c_str(), stderr);
      return not_ready;
    }
  }
  if (auto up = prepare(wire); !up) return report(up.error());
  int result = ok;
  {
    Target target;
    auto opened = in_software ? open_emulated(options.port.substr(emulated.size()), *fields, target)
                              : open_port(*wire, target);
    if (!opened) {
      result = report(opened.error());
    } else {
      auto found = probe::probe(options.port, target.card->control(), options.rules);
      result = found ? tell(*found, *fields, options) : report(found.error());
    }
  }
  ports::stop_eal();
  return result;
}

}  // namespace weft::tool
