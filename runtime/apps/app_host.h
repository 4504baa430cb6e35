// Runs the applications of one net core by direct calls, and keeps exact account of who owns which
// receive buffer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/workload.h"
#include "runtime/apps/app_requests.h"
#include "runtime/apps/app_timers.h"
#include "runtime/apps/library.h"
#include "runtime/apps/mailbox.h"
#include "stack-nodes/core.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::apps {

// Of one application on one net core, in datagrams; for connections, in pieces of their streams.
struct AppCounters {
  std::uint64_t received = 0;
  std::uint64_t refused = 0;    // not handed over: the application holds too many buffers
  std::uint64_t sent = 0;       // commands taken
  std::uint64_t zero_copy = 0;  // of those, sent from the buffer they came in
  std::uint64_t send_failed = 0;
  std::uint64_t done = 0;    // given back by recv_done
  std::uint64_t held = 0;    // with the application now
  std::uint64_t errors = 0;  // ICMP errors and refused sends that it was told of, if it listens

  AppCounters& operator+=(const AppCounters& o);
  bool operator==(const AppCounters&) const = default;
};

// Endpoint and cookie of a connection are one word for the stack: the cookies of applications are
// kept to 48 bits.
inline constexpr unsigned endpoint_shift = 48;
inline constexpr std::uint64_t cookie_mask = (std::uint64_t{1} << endpoint_shift) - 1;

class AppHost {
 public:
  // Datagrams, and pieces of text, that the applications of one core may hold at the same time: so
  // that whoever holds too much gets no more, and all others do.
  static constexpr unsigned most_held = 1024;
  static constexpr std::uint32_t most_texts = 2048;

  // `libraries[i]` serves `endpoints[i]`; nobody a vacant place. Errors: E0632, an application
  // refused to be created.
  static diag::Result<std::unique_ptr<AppHost>> make(const std::vector<ir::Endpoint>& endpoints,
                                                     const std::vector<Library>& libraries,
                                                     unsigned net_core);
  ~AppHost();
  AppHost(const AppHost&) = delete;
  AppHost& operator=(const AppHost&) = delete;

  // All shards of the core, before the first event: any of them may get a connection that an
  // application opens.
  void know(Core& core) {
    if (core.id >= cores_.size()) cores_.resize(core.id + 1);
    cores_[core.id] = &core;
  }

  // Called when the list of datagrams to be sent is half full: runs and empties it.
  std::function<void(Core&)> flush;
  // Whoever decides what applications ask for; null: nobody does. Before the first event.
  Mailbox* mail = nullptr;

  // Hands n delivered datagrams to their applications: what was received, or, where icmp_type is
  // set, errors about datagrams sent. Sends go into core.sent.
  void deliver(Core& core, const Datagram* datagrams, unsigned n);
  // Tells applications of their connections (core.tcp). Returns how many connections it was.
  unsigned tell_connections(Core& core);
  void tick(Core& core);
  // Tells applications of the timers that are due, in the name of this core.
  void run_timers(Core& core);
  std::uint64_t next_timer_ns() const { return timers_.next_ns(); }  // ~0: there is none
  // Tells applications what became of what they asked for. Returns how many answers it were.
  bool has_answers() const { return mail != nullptr && !mail->answers.empty(); }
  unsigned tell_answers(Core& core);
  // Frees what applications still hold; the stack is stopping.
  void take_back(Core& core);

  const std::vector<AppCounters>& counters() const { return counters_; }

  // An application's part in one endpoint on one net core.
  struct Instance {
    const weft_app* app = nullptr;  // null: the endpoint is gone
    std::shared_ptr<void> handle;   // keeps the code loaded
    void* self = nullptr;
    ir::Endpoint endpoint;
  };
  // E0632: it refuses. Any thread may make one; destroy() takes one that was not handed on.
  static diag::Result<Instance> create(const ir::Endpoint& endpoint, unsigned index,
                                       const Library& library, unsigned net_core);
  static void destroy(const Instance& instance);
  // On the core's own thread. The endpoint has this number from now on; it was nobody's.
  void add(Instance instance, unsigned index);
  // Nothing is delivered to it any more; frees what the application holds for it.
  Instance remove(Core& core, unsigned index);
  // What was counted for it so far; its number begins again at nothing.
  AppCounters take_counters(unsigned index);

 private:
  // A buffer that is with an application. Tokens are generation and place, so that one that was
  // given back is recognised when it comes a second time.
  struct Held {
    Datagram datagram;
    std::uint32_t generation = 1;
    bool in_use = false;
  };
  // Text of a connection that is with an application.
  struct Text {
    void* buffer = nullptr;
    Core* core = nullptr;  // whose connection
    std::uint32_t len = 0;
    std::uint32_t generation = 1;
    std::uint32_t endpoint = 0;
    tcp::Id connection;
    bool in_use = false;
  };
  struct Found {
    Core* core = nullptr;
    tcp::Connection* connection = nullptr;
    explicit operator bool() const { return connection != nullptr; }
  };
  AppHost();
  static int send(void* context, const weft_send* command);
  static int recv_done(void* context, std::uint64_t token);
  static std::uint64_t now(void* context);
  static int listen_group(void* context, const weft_group* command);
  static int timer_set(void* context, std::uint32_t endpoint, std::uint64_t due_ns,
                       std::uint64_t cookie, std::uint64_t* timer);
  static int timer_cancel(void* context, std::uint64_t timer);
  // app_changes.cc
  static int flow_add(void* context, const weft_flow* command);
  static int flow_remove(void* context, const weft_flow* command);
  int ask(const weft_flow* command, bool add);
  static int endpoint_add(void* context, const weft_endpoint* command);
  static int endpoint_remove(void* context, const weft_endpoint* command);
  int ask(const weft_endpoint* command, bool add);
  int may_ask(std::uint32_t endpoint) const;
  int pass_on(std::uint64_t cookie, std::string words);
  bool listens_for_answers(std::uint32_t endpoint) const;
  bool is_found_at(std::uint32_t endpoint, std::uint32_t address, std::uint16_t port) const;
  // app_tcp_commands.cc
  static int tcp_accept(void* context, std::uint64_t connection);
  static int tcp_reject(void* context, std::uint64_t connection);
  static int tcp_send(void* context, const weft_tcp_send* command);
  static int tcp_shutdown(void* context, std::uint64_t connection);
  static int tcp_close(void* context, std::uint64_t connection);
  static int tcp_abort(void* context, std::uint64_t connection);
  static int tcp_connect(void* context, const weft_tcp_connect* command, std::uint64_t* connection);
  static int tcp_no_delay(void* context, std::uint64_t connection, int on);
  static int tcp_mark(void* context, std::uint64_t connection, std::uint64_t cookie);
  bool stays_here(const tcp::Tuple& tuple) const;
  Core* core_of(const tcp::Tuple& tuple) const;
  bool may_be_on(const Core& core, const tcp::Tuple& tuple) const;
  int open(const tcp::Tuple& tuple, const tcp::Settings& settings, Core*& owner, tcp::Id& id) const;
  static std::uint64_t number_of(const Core& core, tcp::Id id);
  Found find(std::uint64_t number);
  // app_tcp.cc
  static int tcp_done(void* context, std::uint64_t token);
  static weft_tcp_event event_of(const Core& core, const tcp::Connection& c, std::uint32_t kind);
  void tell_connection(Core& core, tcp::Connection& c);
  bool tell_text(Core& core, tcp::Connection& c);
  void tell_credit(Core& core);
  void feed(std::uint32_t endpoint);
  void give_back(Text& text);
  void take_texts_back();
  // Pieces of text that one endpoint may hold: no more than its part.
  std::uint32_t texts_of_one() const { return most_texts / std::max(tcp_endpoints_, 1u); }
  // The core's state is whose commands work on from now on.
  void act_for(Core& core) {
    core_ = &core;
    know(core);
  }
  bool serves(std::uint32_t endpoint) const {
    return endpoint < instances_.size() && instances_[endpoint].app != nullptr;
  }
  int send_one(const weft_send& command);
  // Where a datagram leaves from; false: not from there.
  bool choose_source(const weft_send& command, const Datagram* answered, Datagram& d) const;
  void tell(Core& core, const Datagram& d);
  Held* held(std::uint64_t token);
  void give_back(Held& slot);

  Core* core_ = nullptr;      // in whose name applications act now
  std::uint32_t acting_ = 0;  // the endpoint whose event it is that they act in
  std::vector<Core*> cores_;  // those of this net core, by number of the shard
  weft_host host_;
  std::vector<Instance> instances_;  // by endpoint
  std::vector<AppCounters> counters_;
  std::vector<Held> held_;
  std::vector<std::uint32_t> free_;
  std::vector<Text> texts_;  // made when the first is wanted
  std::vector<std::uint32_t> free_texts_;
  unsigned tcp_endpoints_ = 0;
  std::vector<std::vector<std::uint64_t>> starved_;  // by endpoint: connections whose text waits
  std::unordered_set<std::uint64_t> short_of_room_;  // connections that could not send
  AppTimers timers_;
  AppRequests requests_;
};

}  // namespace weft::apps
