// SPDX-License-Identifier: MIT
//
// The only translation unit that compiles the non-header code of Asio and Beast.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
