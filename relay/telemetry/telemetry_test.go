package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTheSettingsComeFromTheFlagAndTheStandardVariables reads no variables of the process.
func TestTheSettingsComeFromTheFlagAndTheStandardVariables(t *testing.T) {
	for _, c := range []struct {
		name, flag, variables string
		want                  settings
		wrong                 string // part of the error
	}{
		{name: "nothing is exported without an endpoint"},
		{name: "one endpoint is for both", variables: "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318",
			want: settings{traces: true, metrics: true}},
		{name: "an endpoint of one signal", variables: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:4318/v1/traces",
			want: settings{traces: true}},
		{name: "the flag comes first", flag: "https://otel.example.com/base/",
			want: settings{endpoint: "https://otel.example.com/base", traces: true, metrics: true}},
		{name: "a signal is switched off", flag: "http://localhost:4318", variables: "OTEL_METRICS_EXPORTER=none",
			want: settings{endpoint: "http://localhost:4318", traces: true}},
		{name: "all is switched off", flag: "http://localhost:4318", variables: "OTEL_SDK_DISABLED=True"},
		{name: "JSON is fine", variables: "OTEL_EXPORTER_OTLP_ENDPOINT=http://a OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
			want: settings{traces: true, metrics: true}},
		{name: "gRPC is not", variables: "OTEL_EXPORTER_OTLP_ENDPOINT=http://a OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			wrong: "http/protobuf"},
		{name: "gRPC of a signal that is off does not matter", want: settings{metrics: true},
			variables: "OTEL_EXPORTER_OTLP_ENDPOINT=http://a OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc OTEL_TRACES_EXPORTER=none"},
		{name: "the protocol of a signal comes first", want: settings{traces: true},
			variables: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://a OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		{name: "another exporter", variables: "OTEL_TRACES_EXPORTER=zipkin", wrong: "write otlp or none"},
		{name: "an endpoint without a scheme", flag: "localhost:4318", wrong: "not an http or https URL"},
		{name: "an endpoint with a login", flag: "https://u:s3cret@otel.example.com", wrong: "OTEL_EXPORTER_OTLP_HEADERS"},
	} {
		variables := map[string]string{}
		for _, pair := range strings.Fields(c.variables) {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		got, err := read(Options{Endpoint: c.flag, Getenv: func(name string) string { return variables[name] }})
		switch {
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "s3cret")):
			t.Errorf("%s: got the error %v", c.name, err)
		case c.wrong == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

func TestANilTelemetryDoesNothing(t *testing.T) {
	var none *Telemetry
	handler := http.NewServeMux()
	if none.Handler(handler) != http.Handler(handler) {
		t.Error("the handler is another one")
	}
	none.Decided(Decision{})
	none.Attempted(Attempt{})
	none.Accepted(t.Context(), Event{})
	work := none.Begin("x", []string{"y"})
	work.End(Event{})
	if none.Parent(t.Context()) != "" || work.Trace() != "" || none.Close(t.Context()) != nil {
		t.Error("it did something")
	}
}

// TestTheHandlerKeepsTheWriter: http.ResponseController reaches the writer below.
func TestTheHandlerKeepsTheWriter(t *testing.T) {
	below := httptest.NewRecorder()
	r := &recorder{ResponseWriter: below, status: http.StatusOK}
	if err := http.NewResponseController(r).Flush(); err != nil || !below.Flushed {
		t.Errorf("not flushed: %v", err)
	}
	below = httptest.NewRecorder()
	r.ResponseWriter = below
	if r.WriteHeader(http.StatusTeapot); r.status != http.StatusTeapot || below.Code != http.StatusTeapot {
		t.Errorf("status %d, below %d", r.status, below.Code)
	}
}

// BenchmarkOff measures what an event costs where nothing is exported.
func BenchmarkOff(b *testing.B) {
	var none *Telemetry
	b.ReportAllocs()
	for b.Loop() {
		_ = none.Parent(b.Context())
		none.Accepted(b.Context(), Event{})
		none.Decided(Decision{})
		none.Attempted(Attempt{})
	}
}
