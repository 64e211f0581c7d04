package redact_test

import (
	"testing"

	"qaserelay/notifiers/redact"
)

// BenchmarkNew makes the secrets of a call with a URL, two headers and a signature.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		redact.New("https://hooks.example.com/services/T0EXAMPLE/B0EXAMPLE/abcdefghijklmnopqrst", "/services/T0EXAMPLE/B0EXAMPLE/abcdefghijklmnopqrst",
			"services/T0EXAMPLE/B0EXAMPLE/abcdefghijklmnopqrst", "abcdefghijklmnopqrst", "Bearer abcdefghijklmnopqrstuvwxyz0123456789",
			"abcdefghijklmnopqrstuvwxyz0123456789", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "s3cret-s3cret-s3cret")
	}
}
