// Package tls shows that no client of ours offers a TLS version before 1.2: not to a portal, not to AWS, not to a collector
// of traces. A server that never answers notes what each one offers in its first message.
package tls
