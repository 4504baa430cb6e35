#include "tests/bench/predict/rings.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "compiler/frontend/readers.h"
#include "compiler/plan/plan.h"
#include "compiler/tool/frame_text.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/pcap.h"
#include "tests/bench/instructions.h"

namespace weft::bench {
namespace {

namespace fs = std::filesystem;

constexpr unsigned flows = 40;

std::string quiet(const std::string& command) { return command + " >/dev/null 2>&1"; }

// Datagrams of the workload's flows that come at once, after one who introduces himself.
bool write_traffic(const ir::HostConfig& host, unsigned datagrams, const std::string& file) {
  std::vector<std::vector<std::uint8_t>> frames;
  const auto add = [&](const std::string& words) {
    auto frame = tool::frame_from_text(words, host, 7);
    if (frame) frames.push_back(std::move(*frame));
  };
  add("arp from 10.7.0.1");
  for (unsigned i = 0; i < datagrams; ++i)
    add(fmt::format("udp from 10.7.0.1:{} to 10.7.0.2:7 len 64", 40000 + i % flows));
  return frames.size() == datagrams + 1 && tool::write_pcap(file, frames).has_value();
}

class Rings {
 public:
  Rings(std::string build, std::string folder)
      : weft_(build + "/weft"), runtime_(build + "/weft-runtime"), folder_(std::move(folder)) {}

  struct Work {
    double predicted = 0;  // cycles
    double counted = 0;    // instructions
  };
  // Of all cores, for each packet.
  std::optional<Work> on(unsigned cores) {
    const std::string plan = fmt::format("{}/{}.yaml", folder_, cores), home = folder_ + "/cache";
    const std::string compile = fmt::format(
        "'{}' compile host_udp_ipv4 --nic tap --workload quickstart --queues {} "
        "--cores {} --costs '{}/costs.yaml' --no-proof -o '{}'",
        weft_, cores, cores, folder_, plan);
    // (valgrind knows x86-64-v3, and not all that this processor has.)
    const std::string make = fmt::format(
        "rm -rf '{}' && XDG_CACHE_HOME='{}' '{}' build '{}' --cpu "
        "x86-64-v3",
        home, home, weft_, plan);
    if (std::system(quiet(compile).c_str()) != 0 || std::system(quiet(make).c_str()) != 0)
      return std::nullopt;
    std::string object;
    for (const auto& file : fs::recursive_directory_iterator(home))
      if (file.path().extension() == ".so") object = file.path();
    auto fields = tool::load_fields();
    if (!fields || object.empty()) return std::nullopt;
    auto read = plan::read_plan(plan, *fields);
    if (!read) return std::nullopt;
    Work out{.predicted = read->cycles_per_packet};
    std::array<double, 2> counted{};
    for (const unsigned part : {0u, 1u}) {
      const std::string capture = folder_ + "/in.pcap";
      if (!write_traffic(read->host, datagrams_ * (part + 1), capture)) return std::nullopt;
      // The emulated card's work is no core's.
      const auto n = count_instructions(
          {"weft::engine::NetCore::poll_once()", "weft::emulator::EmulatedCard::poll()"},
          {runtime_, plan, "--object", object, "--unproved", "--wire", "sim:" + capture, "--quiet",
           "--no-huge"});
      if (!n) return std::nullopt;
      counted[part] = *n;
    }
    out.counted = (counted[1] - counted[0]) / datagrams_;
    return out;
  }

  bool profile() {
    return std::system(
               quiet(fmt::format("'{}' profile -o '{}/costs.yaml' --runs 5", weft_, folder_))
                   .c_str()) == 0;
  }

 private:
  static constexpr unsigned datagrams_ = 4000;
  std::string weft_, runtime_, folder_;
};

}  // namespace

void add_rings(const std::string& build, std::vector<Row>& table) {
  auto folder = (fs::temp_directory_path() / "weft-rings-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return;
  Rings rings(build, folder);
  if (rings.profile()) {
    const auto one = rings.on(1), two = rings.on(2);
    if (one && two) {
      const double counted = two->counted / one->counted,
                   predicted = two->predicted / one->predicted;
      table.push_back({"predict",
                       "rings/instructions",
                       "instructions",
                       one->counted,
                       "1/packet",
                       "",
                       0,
                       {one->counted}});
      table.push_back(
          {"predict", "rings/measured", "two cores of one", counted, "", "", 0, {counted}});
      table.push_back({"predict",
                       "rings/predicted",
                       "two cores of one",
                       predicted,
                       "",
                       "rings/measured",
                       0,
                       {predicted}});
    } else {
      fmt::print(stderr, "predict: no rings (valgrind is needed)\n");
    }
  }
  fs::remove_all(folder);
}

}  // namespace weft::bench
