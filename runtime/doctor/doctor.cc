#include "runtime/doctor/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/doctor/interfaces.h"
#include "runtime/doctor/pci.h"
#include "runtime/doctor/wire_checks.h"
#include "runtime/observe/stats_socket.h"
#include "runtime/ports/eal.h"

namespace weft::doctor {
namespace {

using Kind = ports::WireName::Kind;

std::string ip_text(std::uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

Check processor() {
  const bool ok = __builtin_cpu_supports("sse4.2") != 0;
  return {"processor", ok, ok ? "has SSE4.2" : "lacks SSE4.2, which DPDK needs",
          ok ? "" : "use a machine from after 2009, or show the guest its host's processor"};
}

Check memory(const Question& q) {
  std::ifstream info("/proc/meminfo");
  std::string key, unit;
  unsigned long value = 0, available = 0;
  while (info >> key >> value) {
    if (key == "MemAvailable:") available = value / 1024;
    std::getline(info, unit);
  }
  const bool ok = available >= q.megabytes;
  return {"memory", ok, fmt::format("{} MB available, {} MB wanted", available, q.megabytes),
          ok ? "" : "compile for fewer queues (weft compile --queues 1)"};
}

Check huge_pages(const Question& q) {
  const unsigned free = ports::free_huge_megabytes();
  if (!q.huge_pages)
    return {"huge_pages", true, fmt::format("{} MB free; weft works without them", free), ""};
  const bool ok = free >= q.megabytes;
  return {"huge_pages", ok, fmt::format("{} MB free, {} MB wanted", free, q.megabytes),
          ok ? ""
             : fmt::format("sysctl vm.nr_hugepages={}   (or run with --no-huge)",
                           (q.megabytes + 1) / 2 + 16)};
}

Check cpus(const Question& q) {
  const auto usable = ports::usable_cpus();
  for (unsigned cpu : q.cpus) {
    if (std::find(usable.begin(), usable.end(), cpu) != usable.end()) continue;
    return {"cpus", false, fmt::format("CPU {} is not usable here", cpu),
            fmt::format("choose from {} to {}", usable.front(), usable.back())};
  }
  return {"cpus", true, fmt::format("{} usable", usable.size()), ""};
}

Check rights_for_xdp(const ports::WireName& wire, bool network) {
  // Loading the program that hands frames over, and its map (capabilities(7)).
  const bool bpf = has_capability(CAP_SYS_ADMIN) || has_capability(CAP_BPF);
  const bool ok = network && bpf;
  return {
      "rights", ok,
      fmt::format("{} {} CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF", wire.text, ok ? "has" : "needs"),
      ok ? "" : "run it with sudo"};
}

Check rights(const ports::WireName& wire) {
  // DPDK's drivers set flags of the interface (promiscuous, up), which only an administrator may.
  const bool admin = has_capability(CAP_NET_ADMIN), raw = has_capability(CAP_NET_RAW);
  const bool ok = admin && (wire.kind == Kind::tap || raw);
  const char* wanted = wire.kind == Kind::tap ? "CAP_NET_ADMIN" : "CAP_NET_ADMIN and CAP_NET_RAW";
  if (wire.kind == Kind::af_xdp) return rights_for_xdp(wire, admin && raw);
  return {"rights", ok, fmt::format("{} {} {}", wire.text, ok ? "has" : "needs", wanted),
          ok ? ""
             : "run it with sudo; without rights, the simulated wire works: --wire "
               "sim:IN.pcap,OUT.pcap"};
}

Check tun_device() {
  const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    return {"tun_device", true, "/dev/net/tun can be opened", ""};
  }
  const bool missing = errno == ENOENT || errno == ENODEV;
  return {"tun_device", false, fmt::format("/dev/net/tun: {}", std::strerror(errno)),
          missing ? "modprobe tun && mkdir -p /dev/net && mknod /dev/net/tun c 10 200"
                  : "run it with sudo"};
}

void tap(const ports::WireName& wire, std::vector<Check>& checks) {
  checks.push_back(tun_device());
  const bool taken = interface_of(wire.interface).has_value();
  checks.push_back(
      {"interface", !taken,
       fmt::format("the name {} is {}", wire.interface, taken ? "taken" : "free"),
       taken ? fmt::format("ip link del {}   (or choose another name)", wire.interface) : ""});
}

void checksums(const std::string& name, std::vector<Check>& checks) {
  const Peer peer = peer_of(name);
  switch (peer.where) {
    case Peer::Where::none:
      checks.push_back({"checksums", true, name + " is no veth: its frames come finished", ""});
      break;
    case Peer::Where::hidden:
      checks.push_back(
          {"checksums", true,
           fmt::format("the other end of {} is in a namespace that cannot be seen from "
                       "here; it must not send unfinished checksums",
                       name),
           "ethtool -K PEER tx off   (in the peer's namespace)"});
      break;
    case Peer::Where::here:
    case Peer::Where::elsewhere:
      checks.push_back(
          {"checksums", !peer.unfinished,
           peer.unfinished
               ? fmt::format("the other end of {} ({}) sends unfinished checksums: "
                             "every datagram from it would be dropped",
                             name, peer.name)
               : fmt::format("the other end of {} ({}) finishes its checksums", name, peer.name),
           peer.unfinished ? fmt::format("{}ethtool -K {} tx off", peer.enter, peer.name) : ""});
      break;
  }
}

void veth_or_card(const Question& q, std::vector<Check>& checks) {
  const std::string& name = q.wire->interface;
  const auto interface = interface_of(name);
  if (!interface) {
    checks.push_back({"interface", false, fmt::format("there is no interface {}", name),
                      fmt::format("ip link add {} type veth peer name {}-peer", name, name)});
    return;
  }
  checks.push_back({"interface", interface->up || !q.traffic,
                    fmt::format("{} is {}", name, interface->up ? "up" : "down"),
                    interface->up ? "" : fmt::format("ip link set {} up", name)});
  if (q.plan != nullptr && interface->mtu < q.plan->host.mtu)
    checks.push_back(
        {"mtu", false,
         fmt::format("{} has an MTU of {}, the plan {}", name, interface->mtu, q.plan->host.mtu),
         fmt::format("ip link set {} mtu {}", name, q.plan->host.mtu)});
  if (q.traffic) checksums(name, checks);
}

Check address(const plan::Plan& plan) {
  for (const auto& [interface, address] : addresses()) {
    if (address != plan.host.address) continue;
    return {"address", false,
            fmt::format("this kernel's interface {} holds the plan's own address {}: both would "
                        "answer",
                        interface, ip_text(address)),
            fmt::format("ip addr del {}/{} dev {}", ip_text(address), plan.host.prefix_length,
                        interface)};
  }
  return {"address", true, ip_text(plan.host.address) + " is held by nobody here", ""};
}

Check name(const std::string& plan_name) {
  const int pid = observe::holder_of(plan_name);
  if (pid == 0) return {"name", true, fmt::format("no other instance is called {}", plan_name), ""};
  return {"name", false, fmt::format("{} is being run by process {}", plan_name, pid),
          fmt::format("kill {}   (or give this one another name: --name)", pid)};
}

}  // namespace

std::vector<Check> examine(const Question& q) {
  std::vector<Check> checks = {processor(), memory(q), huge_pages(q), cpus(q)};
  if (!q.plan_name.empty()) checks.push_back(name(q.plan_name));
  if (!q.wire) return checks;
  if (!q.wire->live()) {
    checks.push_back({"rights", true, q.wire->text + " needs none", ""});
    return checks;
  }
  if (q.wire->kind == Kind::pci) {
    pci(q, checks);
    if (q.plan != nullptr) checks.push_back(address(*q.plan));
    return checks;
  }
  if (!q.wire->on_interface()) {
    checks.push_back({"rights", true, q.wire->text + " needs none", ""});
    if (q.wire->on_socket()) check_socket(*q.wire, checks);
    return checks;
  }
  checks.push_back(rights(*q.wire));
  if (q.wire->kind == Kind::tap) {
    tap(*q.wire, checks);
  } else {
    veth_or_card(q, checks);
    if (q.wire->kind == Kind::af_xdp) check_af_xdp(q, checks);
  }
  if (q.plan != nullptr) checks.push_back(address(*q.plan));
  return checks;
}

bool all_ok(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& c) { return c.ok; });
}

std::string to_text(const std::vector<Check>& checks, bool only_bad) {
  std::string text;
  for (const Check& check : checks) {
    if (only_bad && check.ok) continue;
    text += fmt::format("{:>4}  {:<12} {}\n", check.ok ? "ok" : "BAD", check.name, check.what);
    if (!check.mend.empty())
      text += fmt::format("      {:<12} {}\n", check.ok ? "if not:" : "mend:", check.mend);
  }
  return text;
}

std::string to_json(const std::vector<Check>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Check& check : checks)
    list.push_back(
        {{"name", check.name}, {"ok", check.ok}, {"what", check.what}, {"mend", check.mend}});
  const nlohmann::ordered_json document = {{"ready", all_ok(checks)}, {"checks", std::move(list)}};
  return document.dump(1);
}

}  // namespace weft::doctor
