// A peer without a kernel: a wire at whose end is a table of connections that are opened, ask, and
// are closed as they are told to. What a stack does for each of them can then be counted.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "runtime/ports/wire.h"

namespace weft::bench {

class ScriptedWire final : public ports::Wire {
 public:
  explicit ScriptedWire(rte_mempool* pool) : pool_(pool) {}

  // Until done(): so many connections are there; that many requests are answered, of the first
  // `among` connections in turn; the first so many are closed, and stay so. At most 256 under way.
  // Throws where an answer does not come.
  void open(std::uint32_t connections);
  void ask(std::uint64_t requests, std::uint32_t among);
  void close(std::uint32_t connections);
  bool done() const {
    return opened_ == peers_.size() && answered_ == wanted_ && closed_ == to_close_;
  }
  // Processor time of this end so far.
  double spent() const { return spent_; }

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }

 private:
  using Frame = std::vector<std::uint8_t>;
  struct Peer {
    std::uint32_t next = 1000;  // sequence number
    std::uint32_t expected = 0;
    bool open = false, asked = false;
  };
  void go_on();
  void arrived(const std::uint8_t* frame, std::size_t length);
  void answered(std::uint32_t connection);
  void introduce(std::uint32_t address);
  void say(std::uint32_t connection, std::uint8_t flags, unsigned bytes);
  [[noreturn]] void give_up();

  std::string name_ = "scripted";
  rte_mempool* pool_;
  std::vector<Peer> peers_;
  std::deque<Frame> waiting_;
  unsigned under_way_ = 0;
  std::uint32_t opening_ = 0, opened_ = 0;
  std::uint32_t closing_ = 0, closed_ = 0, to_close_ = 0;
  std::uint32_t among_ = 1, turn_ = 0;
  std::uint64_t wanted_ = 0, asked_ = 0, answered_ = 0;
  double spent_ = 0, spoke_ = 0;  // spoke_: when there was something to say last
  bool over_ = false;             // given up
  ports::WireCounters counters_;
};

double cpu_seconds();  // of this thread

// A stack on such a wire: "lwip", or the file of a plan for the card `none`, whose generated code
// is run. `use` is called once, with the wire and a function that runs the stack until it is done.
void on_scripted(
    const std::string& plan,
    const std::function<void(ScriptedWire&, const std::function<void()>& until_done)>& use);

// The functions whose instructions count, for count_instructions.
std::vector<std::string> counted_functions(const std::string& who);

}  // namespace weft::bench
