"""An installation of several hosts on one machine: network namespaces, real servers, kills and cut links."""
