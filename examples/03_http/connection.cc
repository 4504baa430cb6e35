#include "connection.h"

namespace http {

void ByAge::put_last(Connection& c) {
  remove(c);
  c.listed_ = true;
  c.older_ = last_;
  (last_ != nullptr ? last_->newer_ : first_) = &c;
  last_ = &c;
}

void ByAge::remove(Connection& c) {
  if (!c.listed_) return;
  (c.older_ != nullptr ? c.older_->newer_ : first_) = c.newer_;
  (c.newer_ != nullptr ? c.newer_->older_ : last_) = c.older_;
  c.older_ = c.newer_ = nullptr;
  c.listed_ = false;
}

void ByAge::expire(weft::app::Host host, std::uint64_t now_ns) {
  while (first_ != nullptr && first_->heard_ns_ + Connection::silent_ns < now_ns) {
    Connection& c = *first_;
    put_last(c);
    c.heard_ns_ = now_ns;
    c.expire(host);
  }
}

void Connection::touch(weft::app::Host host) {
  heard_ns_ = host.now_ns();
  shared_.by_age.put_last(*this);
}

// Within a request it is told; a client that takes no answer, or does not end, is cut off.
void Connection::expire(weft::app::Host host) {
  if (ending() || out().held() != 0 || pending()) {
    host.abort(number());
    return;
  }
  if (session_.in_request()) session_.late();
  if (out().held() == 0 && !pending()) end(host);
  go_on(host);
}

}  // namespace http
