package notifierstest

import (
	"runtime"
	"testing"
)

// AtOnce runs do in that many goroutines until the benchmark has enough.
func AtOnce(b *testing.B, workers int, do func() error) {
	b.SetParallelism(max(1, workers/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
