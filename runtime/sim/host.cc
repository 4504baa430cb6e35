#include "runtime/sim/host.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/edges.h"
#include "runtime/engine/segments.h"
#include "stack-nodes/slots.h"

namespace weft::sim {
namespace {

constexpr std::uint32_t headroom = 128;
constexpr std::uint64_t age_ns = 100'000'000;
constexpr std::uint32_t largest_header = 60;
constexpr std::uint32_t largest_packet = 65535;  // with its Ethernet header

}  // namespace

// The same for all hosts of a process.
struct Host::Graph {
  ir::FieldTable fields;
  ir::Graph graph;
  ir::EdgeTable edges;
};

struct Host::Buffer {
  Frame frame{};
  std::unique_ptr<std::uint8_t[]> bytes;
};

diag::Result<const Host::Graph*> Host::graph() {
  static std::unique_ptr<Graph> read;
  if (read != nullptr) return read.get();
  auto made = std::make_unique<Graph>();
  const std::string root = frontend::source_root();
  auto fields = frontend::read_headers(root + "/graphs/headers");
  if (!fields) return diag::fail(fields.error());
  made->fields = std::move(*fields);
  auto graph = frontend::read_graph(root + "/graphs/host_ipv4.yaml", made->fields);
  if (!graph) return diag::fail(graph.error());
  made->graph = std::move(*graph);
  made->edges = ir::EdgeTable::of(made->graph);
  read = std::move(made);
  return read.get();
}

diag::Result<std::unique_ptr<Host>> Host::make(const weft_sim_config& config) {
  std::unique_ptr<Host> host(new Host(config));
  if (auto built = host->build(); !built) return diag::fail(built.error());
  return host;
}

diag::Result<void> Host::build() {
  auto graph = Host::graph();
  if (!graph) return diag::fail(graph.error());
  graph_ = *graph;
  core_ = std::make_unique<Core>();
  Core& core = *core_;
  core.services = this;
  core.speaker = false;
  core.now_ns = config_.clock_ns;
  core.random.reseed(config_.seed);
  core.host.address = config_.address;
  for (const std::uint8_t byte : config_.mac) core.host.mac = core.host.mac << 8 | byte;
  core.host.mtu = config_.mtu;
  const std::uint32_t mask =
      config_.prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - config_.prefix_length);
  core.host.broadcast = config_.prefix_length >= 31 ? 0xffffffff : config_.address | ~mask;
  core.addresses.add(config_.address, config_.prefix_length);
  core.routes.add(config_.address, config_.prefix_length, 0);
  if (config_.gateway != 0) core.routes.add(0, 0, config_.gateway);

  tcp::Config c;
  c.connections = config_.connections;
  c.listeners = 64;
  c.chunks = config_.connections * 64;
  c.sent = config_.connections * 256;
  c.reorders = config_.connections;
  c.mtu = config_.mtu;
  c.receive_buffer = config_.receive_buffer;
  // Text out of order never takes the buffers that what fills its gap needs.
  c.most_waiting = config_.pool_size - (config_.pool_size >= 32 ? config_.pool_size / 4 : 0);
  c.congestion =
      config_.congestion == WEFT_SIM_CUBIC ? tcp::Congestion::cubic : tcp::Congestion::newreno;
  const auto has = [this](std::uint32_t feature) { return (config_.features & feature) != 0; };
  c.sack = has(WEFT_SIM_SACK);
  c.timestamps = has(WEFT_SIM_TIMESTAMPS);
  c.window_scaling = has(WEFT_SIM_WINDOW_SCALING);
  c.syn_cookies = has(WEFT_SIM_SYN_COOKIES);
  c.no_delay = has(WEFT_SIM_NO_DELAY);
  c.ecn = has(WEFT_SIM_ECN);
  c.always_cookies = has(WEFT_SIM_ALWAYS_COOKIES);
  const auto choose = [](std::uint32_t wish, auto& value) {
    if (wish != 0) value = static_cast<std::remove_reference_t<decltype(value)>>(wish);
  };
  choose(config_.rto_initial, c.rto_initial);
  choose(config_.rto_min, c.rto_min);
  choose(config_.rto_max, c.rto_max);
  choose(config_.delayed_ack, c.delayed_ack);
  choose(config_.time_wait, c.time_wait);
  choose(config_.fin_wait_2, c.fin_wait_2);
  choose(config_.initial_window, c.initial_segments);
  if (has(WEFT_SIM_FIXED_SEQUENCE)) c.initial_sequence = config_.sequence;
  if (has(WEFT_SIM_FIXED_TIMESTAMP)) c.ts_origin = config_.timestamp;
  c.seed = core.random.next();
  c.secret = {core.random.next(), core.random.next()};
  c.start_ns = config_.clock_ns;
  const auto release = [](void* self, void* buffer) {
    static_cast<Host*>(self)->free_buffer(buffer);
  };
  tcp_ = std::make_unique<tcp::Tcp>(c, tcp::Release{release, this});
  core.tcp = tcp_.get();

  counts_.assign(graph_->edges.size(), 0);
  core.edges = counts_.data();
  auto interpreter = engine::Interpreter::make(graph_->graph, graph_->fields, core);
  if (!interpreter) return diag::fail(interpreter.error());
  interpreter_ = std::move(*interpreter);
  next_age_ns_ = core.now_ns + age_ns;
  return {};
}

Host::~Host() {
  while (!live_.empty()) free_buffer(*live_.begin());
}

bool Host::may_allocate() {
  if (++allocations_ != config_.fail_allocation_at && live_.size() < config_.pool_size) return true;
  ++no_buffer;
  return false;
}

bool Host::allocate(Packet& p, std::uint32_t room) {
  if (!may_allocate()) return false;
  auto* buffer = new Buffer;
  buffer->bytes = std::make_unique<std::uint8_t[]>(headroom + room);
  buffer->frame.memory = buffer->bytes.get();
  buffer->frame.offset = headroom;
  p.buffer = &buffer->frame;  // the first member
  p.data = buffer->bytes.get() + headroom;
  p.len = 0;
  live_.insert(p.buffer);
  return true;
}

void Host::free_buffer(void* buffer) {
  live_.erase(buffer);
  delete static_cast<Buffer*>(buffer);
}

int Host::add_address(std::uint32_t address, std::uint32_t prefix_length) {
  if (address == 0 || address >> 28 >= 14 || prefix_length > 32) return -EINVAL;
  if (core_->addresses.find(address) == Cast::own) return -EEXIST;
  core_->addresses.add(address, prefix_length);
  core_->routes.add(address, prefix_length, 0);
  return 0;
}

int Host::add_neighbour(std::uint32_t address, const std::uint8_t* mac) {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < 6; ++i) number = number << 8 | mac[i];
  if ((number & 0x010000000000) != 0 || number == 0) return -EINVAL;
  core_->neighbours.learn(*core_, address, number, true);
  return 0;
}

void Host::nobody_there(const Packet& p) {
  tcp_->now_ns = core_->now_ns;
  engine::tell_nobody_there(p, *tcp_);
}

int Host::receive(const std::uint8_t* frame, std::uint32_t bytes) {
  ++received;
  Packet p;
  if (bytes > 65535 || !allocate(p, bytes)) return -ENOBUFS;
  if (bytes != 0) std::memcpy(p.data, frame, bytes);
  auto* f = static_cast<Frame*>(p.buffer);
  f->here = static_cast<std::uint16_t>(bytes);
  f->length = bytes;
  interpreter_->receive(*core_, &f, 1);
  settle();
  return 0;
}

std::uint32_t Host::transmit(std::uint8_t* frame, std::uint32_t room) {
  if (out_.empty()) return 0;
  const std::vector<std::uint8_t> bytes = std::move(out_.front());
  out_.pop_front();
  std::memcpy(frame, bytes.data(), std::min<std::size_t>(bytes.size(), room));
  return static_cast<std::uint32_t>(bytes.size());
}

void Host::run_slot(std::size_t slot) {
  PacketList batch = core_->spawned[slot];
  core_->spawned[slot].count = 0;
  interpreter_->run(*core_, batch.packets.data(), batch.count,
                    ir::entry_of_slot(static_cast<unsigned>(slot)));
}

unsigned Host::send_segments() {
  PacketList& list = core_->spawned[static_cast<std::size_t>(nodes::Slot::tcp_send)];
  const unsigned before = list.count;
  tcp_->now_ns = core_->now_ns;
  Packet p;
  tcp::OutSegment s;
  const auto next = [&] {  // the buffer first: a segment that has been made counts as sent
    return list.count < PacketList::capacity && tcp_->wants_output() &&
           (p.buffer != nullptr ||
            allocate(p, engine::before_segment + largest_header + config_.mtu)) &&
           tcp_->produce(s);
  };
  for (bool more = next(); more;) {
    // (The one that ends a packet of several takes another place in the list.)
    Packet whole;
    if (config_.offload != WEFT_SIM_SOFTWARE && list.count + 2 <= PacketList::capacity &&
        engine::may_be_followed(s) && allocate(whole, largest_packet)) {
      more = engine::gather(whole, s, largest_packet, *tcp_);
      if (config_.offload == WEFT_SIM_LARGE_FRAMES) whole.segment = 0;
      list.packets[list.count++] = whole;
    } else {
      engine::fill_segment(p, s, *tcp_);
      list.packets[list.count++] = std::exchange(p, Packet{});
      more = next();
    }
  }
  if (p.buffer != nullptr) core_->release(p);
  return list.count - before;
}

void Host::settle() {
  Core& core = *core_;
  for (bool more = true; more;) {
    more = false;
    for (unsigned i = 0; i < core.transmitted.count; ++i) {
      Frame* const f = core.transmitted.frames[i];
      if (config_.transmit_ring != 0 && out_.size() >= config_.transmit_ring) {
        ++ring_full;
      } else {
        out_.emplace_back(f->memory + f->offset, f->memory + f->offset + f->length);
        ++transmitted;
      }
      free_buffer(f);
    }
    core.transmitted.count = 0;
    for (unsigned i = 0; i < core.delivered.count; ++i)  // (nobody here has datagrams)
      free_buffer(core.delivered.datagrams[i].buffer);
    core.delivered.count = 0;
    if (send_segments() != 0) more = true;
    for (std::size_t slot = 0; slot < core.spawned.size(); ++slot) {
      if (core.spawned[slot].count == 0) continue;
      run_slot(slot);
      more = true;
      break;  // what it has transmitted goes first
    }
  }
}

std::uint64_t Host::next_timer_ns() const {
  const bool ages = core_->neighbours.held() != 0 || core_->reassembly.size() != 0;
  // (Segments wait for a buffer: somebody has to give one back meanwhile.)
  const bool waits = ages || tcp_->wants_output();
  return std::min(tcp_->next_timer_ns(), waits ? next_age_ns_ : ~std::uint64_t{0});
}

void Host::advance(std::uint64_t now_ns) {
  core_->now_ns = std::max(core_->now_ns, now_ns);
  tcp_->now_ns = core_->now_ns;
  tcp_->advance();
  if (core_->now_ns >= next_age_ns_) {
    next_age_ns_ = core_->now_ns + age_ns;
    core_->neighbours.age(*core_);
    core_->reassembly.age(*core_);
    core_->paths.age(core_->now_ns);
  }
  settle();
}

std::vector<std::pair<std::string, std::uint64_t>> Host::drops() const {
  const ir::Counts counts = graph_->edges.derive(graph_->graph, counts_);
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (ir::Vertex v = 0; v < counts.node.size(); ++v) {
    const ir::Node& node = graph_->graph.node(v);
    if (node.kind == ir::NodeKind::drop && counts.node[v] != 0)
      all.emplace_back(node.id, counts.node[v]);
  }
  return all;
}

}  // namespace weft::sim
