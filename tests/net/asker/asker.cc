// Asks for flows and endpoints on behalf of who sends it a line: "add" or "remove", then, as
// numbers, source address and port, own address and port, rate, flags, queue and endpoint; or
// "listen" or "unlisten", a name, and port and flags as numbers. What becomes of it is told to the
// sender in a line: "failed ERROR" (by the command), else outcome, queue or endpoint, and reason.
// All other datagrams are sent back.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "weft_app.hpp"

namespace {

using weft::app::Host;

class Asker {
 public:
  explicit Asker(const weft_app_config& config) : endpoint_(config.endpoint) {}

  void datagram(Host host, const weft_datagram& e) {
    const std::string line(reinterpret_cast<const char*>(e.data), e.len);
    weft_flow flow = {.size = sizeof(flow)};
    char verb[8] = "";
    const int read =
        std::sscanf(line.c_str(), "%7s %u %" SCNu16 " %u %" SCNu16 " %" SCNu64 " %u %u %u", verb,
                    &flow.src, &flow.src_port, &flow.dst, &flow.dst_port, &flow.rate, &flow.flags,
                    &flow.queue, &flow.endpoint);
    const Peer peer = {e.src, e.src_port};
    if (read != 9) return listen(host, e, line, peer);
    host.recv_done(e.token);
    flow.cookie = ++asked_;
    const int result = verb == std::string("add") ? host.flow_add(flow) : host.flow_remove(flow);
    if (result != 0) return say(host, peer, "failed " + std::to_string(-result));
    peers_[flow.cookie] = peer;
  }

  void answer(Host host, const weft_answer& e) {
    const auto peer = peers_.extract(e.cookie);
    if (peer.empty()) std::abort();  // it is not what this instance has asked for
    say(host, peer.mapped(),
        std::to_string(e.outcome) + " " + std::to_string(e.queue + e.added) + " " + e.reason);
  }

 private:
  struct Peer {
    std::uint32_t address;
    std::uint16_t port;
  };

  void listen(Host host, const weft_datagram& e, const std::string& line, const Peer& peer) {
    char verb[16] = "", name[80] = "";
    weft_endpoint wanted = {.size = sizeof(wanted), .endpoint = endpoint_, .name = name};
    if (std::sscanf(line.c_str(), "%15s %79s %" SCNu16 " %u", verb, name, &wanted.port,
                    &wanted.flags) != 4)
      return say(host, peer, line, e.token);
    host.recv_done(e.token);
    wanted.cookie = ++asked_;
    const int result =
        verb == std::string("listen") ? host.endpoint_add(wanted) : host.endpoint_remove(wanted);
    if (result != 0) return say(host, peer, "failed " + std::to_string(-result));
    peers_[wanted.cookie] = peer;
  }

  void say(Host host, const Peer& peer, const std::string& line, std::uint64_t token = 0) {
    const weft_part part = {.data = line.data(), .len = static_cast<std::uint32_t>(line.size())};
    const weft_send command = {.size = sizeof(command),
                               .endpoint = endpoint_,
                               .dst = peer.address,
                               .dst_port = peer.port,
                               .parts = &part,
                               .part_count = 1,
                               .token = token};
    if (host.send(command) != 0 && token != 0) host.recv_done(token);
  }

  const std::uint32_t endpoint_;
  std::uint64_t asked_ = 0;
  std::map<std::uint64_t, Peer> peers_;  // by cookie
};

}  // namespace

const weft_app* weft_app_entry() { return weft::app::describe<Asker>("asker"); }
