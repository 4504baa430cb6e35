// TLS between a connection and its session: OpenSSL works on memory alone; what it wants to send
// and has received passes through here.
#pragma once

#include <openssl/ssl.h>

#include <deque>
#include <memory>
#include <string>

#include "connection.h"

namespace http {

struct Free {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;

// From files in PEM. Throws std::runtime_error, which says what is wrong.
Context make_context(const std::string& certificate, const std::string& key);

class TlsConnection final : public Connection {
 public:
  TlsConnection(SSL_CTX& context, Shared& shared, std::uint64_t number);

 private:
  std::size_t take(std::string_view text) override;
  bool over() const override { return failed_ || (session().over() && said_.empty()); }
  void write(std::string_view text) override;
  void lend(std::string_view text) override;
  bool full() const override {
    return said_bytes_ > weft::app::Stream::window || said_.size() > 256;
  }
  void produce() override;
  bool pending() const override { return !failed_ && !said_.empty(); }

  // What the session says and is not encrypted yet.
  struct Said {
    std::string own;        // empty: `text` lies in a file
    std::string_view text;  // of a file
    std::size_t done = 0;
    std::string_view all() const { return own.empty() ? text : std::string_view(own); }
  };
  bool decrypt();
  void send_records();

  std::unique_ptr<SSL, Free> ssl_;
  std::string heard_;  // decrypted, and not taken by the session
  std::deque<Said> said_;
  std::uint64_t said_bytes_ = 0;
  bool failed_ = false;
  bool said_end_ = false;
};

}  // namespace http
