// What an application sends on one connection, in order: bytes of its own making, which are kept
// here, and bytes that lie elsewhere, which are sent from there. The stack holds as much of it as
// `window` says; the rest follows when it acknowledges. So a file of any length is one call.
//
// Made for weft_app.hpp: call flush() after writing, acked() for each WEFT_TCP_ACKED.
#ifndef WEFT_STREAM_HPP
#define WEFT_STREAM_HPP

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "weft_app.hpp"

namespace weft::app {

// Memory for small pieces, used again and again by all streams of an instance.
class Blocks {
 public:
  static constexpr std::size_t bytes = 4096 - 64;
  struct Block {
    std::uint32_t used = 0;
    std::uint32_t pieces = 0;  // that lie in it and are not acknowledged
    char data[bytes];
  };
  Block* take() {
    if (free_.empty()) return new Block;
    Block* b = free_.back().release();
    free_.pop_back();
    b->used = b->pieces = 0;
    return b;
  }
  void give(Block* b) {
    std::unique_ptr<Block> owned(b);
    if (free_.size() < most_free) free_.push_back(std::move(owned));
  }

 private:
  static constexpr std::size_t most_free = 256;
  std::vector<std::unique_ptr<Block>> free_;
};

class Stream {
 public:
  // Keeps what is lent alive. Null where it outlives the connection anyway.
  using Owner = std::shared_ptr<const void>;
  static constexpr std::uint64_t window = 1 << 20;

  explicit Stream(Blocks& blocks) : blocks_(&blocks) {}
  ~Stream() { clear(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Copies.
  void write(std::string_view text) {
    while (!text.empty()) {
      if (last_ == nullptr || last_->used == Blocks::bytes) next_block();
      const std::size_t n = std::min<std::size_t>(text.size(), Blocks::bytes - last_->used);
      char* to = last_->data + last_->used;
      std::memcpy(to, text.data(), n);
      last_->used += static_cast<std::uint32_t>(n);
      queued_ += n;
      text.remove_prefix(n);
      Piece* behind = pieces_.size() > handed_ ? &pieces_.back() : nullptr;
      if (behind != nullptr && behind->block == last_) {
        behind->len += n;  // it goes on where the piece before it ends
      } else {
        ++last_->pieces;
        pieces_.push_back({to, n, 0, last_, nullptr});
      }
    }
  }

  // Sends from where it lies; it must stay as it is while `owner` lives.
  void lend(std::string_view text, Owner owner = nullptr) {
    if (text.empty()) return;
    queued_ += text.size();
    pieces_.push_back({text.data(), text.size(), 0, nullptr, std::move(owner)});
  }

  // Not sent yet, and sent but not acknowledged, in bytes.
  std::uint64_t queued() const { return queued_; }
  std::uint64_t in_flight() const { return in_flight_; }
  std::uint64_t held() const { return queued_ + in_flight_; }
  std::size_t pieces() const { return pieces_.size(); }

  // Hands over as much as the window takes. 0; -ENOBUFS: the stack has no room, call again after
  // the next acknowledgement, WEFT_TCP_CREDIT or tick; else the connection is over.
  int flush(Host host, std::uint64_t connection) {
    while (handed_ < pieces_.size() && in_flight_ < window) {
      weft_part parts[most_parts];
      std::uint32_t n = 0, finished = 0;
      std::uint64_t bytes = 0, room = window - in_flight_, last_len = 0;
      for (std::size_t i = handed_; i < pieces_.size() && n < most_parts && room != 0; ++i, ++n) {
        const Piece& p = pieces_[i];
        last_len = std::min<std::uint64_t>(p.len - p.sent, room);
        parts[n] = {p.data + p.sent, static_cast<std::uint32_t>(last_len)};
        bytes += last_len;
        room -= last_len;
        if (last_len == p.len - p.sent) ++finished;
      }
      if (const int result = host.send(connection, {parts, n}, 1); result != 0) return result;
      if (finished != n) pieces_[handed_ + n - 1].sent += last_len;
      handed_ += finished;
      sends_.push_back({bytes, finished});
      in_flight_ += bytes;
      queued_ -= bytes;
    }
    return 0;
  }

  // The oldest send has arrived, or will never.
  void acked() {
    if (sends_.empty()) return;
    const Send s = sends_.front();
    sends_.pop_front();
    in_flight_ -= s.bytes;
    handed_ -= s.pieces;
    for (std::uint32_t i = 0; i < s.pieces; ++i) drop_first();
  }

  // The connection is over: nothing that was written is looked at any more.
  void clear() {
    while (!pieces_.empty()) drop_first();
    if (last_ != nullptr) blocks_->give(last_);
    last_ = nullptr;
    sends_.clear();
    handed_ = 0;
    queued_ = in_flight_ = 0;
  }

 private:
  static constexpr std::uint32_t most_parts = 64;
  struct Piece {
    const char* data;
    std::uint64_t len;
    std::uint64_t sent;    // of these, handed over; less than len but for pieces before handed_
    Blocks::Block* block;  // that it lies in, or null
    Owner owner;
  };
  struct Send {
    std::uint64_t bytes;
    std::uint32_t pieces;  // that end with it
  };

  void next_block() {
    if (last_ != nullptr && last_->pieces == 0) {
      last_->used = 0;
      return;
    }
    last_ = blocks_->take();
  }
  void drop_first() {
    Blocks::Block* b = pieces_.front().block;
    pieces_.pop_front();
    if (b != nullptr && --b->pieces == 0) {
      if (b != last_) return blocks_->give(b);
      b->used = 0;  // all of it has arrived: it is written from its beginning
    }
  }

  Blocks* blocks_;
  Blocks::Block* last_ = nullptr;  // being written
  std::deque<Piece> pieces_;
  std::deque<Send> sends_;
  std::size_t handed_ = 0;  // pieces at the front that are with the stack
  std::uint64_t queued_ = 0, in_flight_ = 0;
};

}  // namespace weft::app
#endif
