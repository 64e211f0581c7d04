package metrics

import (
	"testing"
	"time"
)

func TestHistogramsHaveClassicAndNativeBuckets(t *testing.T) {
	m := New(Options{})
	m.Ingested(202, 3*time.Millisecond)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "qase_relay_ingest_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if len(h.GetBucket()) != 14 || len(h.GetPositiveSpan()) != 1 || h.GetSampleCount() != 1 {
			t.Errorf("got %v", h)
		}
		return
	}
	t.Error("no ingest_seconds")
}
