// Package telemetry exports traces and metrics by OpenTelemetry, over OTLP/HTTP, if it is configured.
//
// One trace leads from the webhook call to the last attempt of each message. Its id is stored with the event and its
// messages as a W3C traceparent, so that it goes on after a restart and on another relay. What is sent at a time, such as
// a digest, has a trace of its own with links to those of its events.
//
// All methods may be called on a nil Telemetry, which does nothing, and from many goroutines.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"qaserelay/relay/sampledlog"
)

// logEvery is the least time between two log lines about exports that failed.
const logEvery = time.Minute

// Options are what is exported, and where to.
type Options struct {
	// Endpoint is the base URL of the receiver, to which /v1/traces and /v1/metrics are added. Empty means the standard
	// variables: OTEL_EXPORTER_OTLP_ENDPOINT and others.
	Endpoint string
	// Getenv reads an environment variable. The exporters read their own from the environment of the process.
	Getenv func(string) string
	// Version of the program.
	Version string
	// Metrics are those that are exported.
	Metrics prometheus.Gatherer
	// Logger gets exports that failed, at most one a minute.
	Logger *slog.Logger
}

// Telemetry exports traces and metrics. Nil exports nothing.
type Telemetry struct {
	tracer trace.Tracer // nil if no traces are exported
	closes []func(context.Context) error
}

// Start begins to export, and returns nil if nothing is configured. It asks nothing of the network; the caller has to
// call Close.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	s, err := read(o)
	if err != nil || !s.traces && !s.metrics {
		return nil, err
	}
	handleErrors(o.Logger)
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "qase-relay"),
		attribute.String("service.version", o.Version)), resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithFromEnv()) // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before the name here
	if err != nil {
		return nil, fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &Telemetry{}
	if s.traces {
		err = t.exportTraces(ctx, s, about)
	}
	if err == nil && s.metrics {
		err = t.exportMetrics(ctx, s, about, o.Metrics)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting OpenTelemetry: %w", err), t.Close(ctx))
	}
	return t, nil
}

func (t *Telemetry) exportTraces(ctx context.Context, s settings, about *resource.Resource) error {
	var options []otlptracehttp.Option
	if s.endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(s.endpoint+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return err
	}
	// the sampler is that of OTEL_TRACES_SAMPLER, and the batches those of OTEL_BSP_…
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	t.tracer = provider.Tracer("qase-relay")
	t.closes = append(t.closes, provider.Shutdown)
	return nil
}

func (t *Telemetry) exportMetrics(ctx context.Context, s settings, about *resource.Resource,
	from prometheus.Gatherer) error {
	var options []otlpmetrichttp.Option
	if s.endpoint != "" {
		options = append(options, otlpmetrichttp.WithEndpointURL(s.endpoint+"/v1/metrics"))
	}
	exporter, err := otlpmetrichttp.New(ctx, options...)
	if err != nil {
		return err
	}
	reader := sdkmetric.NewPeriodicReader(exporter,
		sdkmetric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(from))))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	t.closes = append(t.closes, provider.Shutdown)
	return nil
}

// Close exports what is left, until ctx is done, and ends.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	errs := make([]error, len(t.closes))
	var closing sync.WaitGroup
	for i, end := range t.closes {
		closing.Go(func() { errs[i] = end(ctx) })
	}
	closing.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("exporting the last telemetry: %w", err)
	}
	return nil
}

// handleErrors logs the errors of exports, which the library gives to one handler of the process.
func handleErrors(logger *slog.Logger) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	var log sampledlog.Log
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		line := sampledlog.Line{Kind: "telemetry", Every: logEvery}
		if args, due := log.Admit(line, time.Now(), "error", err.Error()); due {
			logger.Warn("telemetry not exported", args...)
		}
	}))
}
