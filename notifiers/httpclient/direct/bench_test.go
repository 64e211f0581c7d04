package direct_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// BenchmarkRoundTrip compares both transports, with bodies of 800 bytes and a timeout each. The server is part of the
// figures.
func BenchmarkRoundTrip(b *testing.B) {
	body := strings.Repeat("x", 800)
	for client, w := range transports(nil) {
		post := func(url string) error {
			ctx, cancel := context.WithTimeout(b.Context(), 15*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
			if err != nil {
				return err
			}
			resp, err := w.RoundTrip(req)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}
		b.Run("client="+client, func(b *testing.B) {
			s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			b.Cleanup(s.Close)
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := post(s.URL); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
