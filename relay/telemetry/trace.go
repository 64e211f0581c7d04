package telemetry

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxLinks is the number of links of a span; the library drops further ones.
const maxLinks = 128

// Handler returns next with a span for each webhook call. A traceparent of the call continues its trace.
func (t *Telemetry) Handler(next http.Handler) http.Handler {
	if t == nil || t.tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/webhooks/") {
			next.ServeHTTP(w, r)
			return
		}
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, "POST /webhooks/{source}", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", r.Method),
				attribute.String("http.route", "/webhooks/{source}")))
		defer span.End()
		answer := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
		if answer.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(answer.status))
		}
	})
}

// recorder keeps the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the status and passes it on.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the writer below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Parent returns the traceparent of the span of a context, or "" without one.
func (t *Telemetry) Parent(ctx context.Context) string {
	if t == nil || t.tracer == nil {
		return ""
	}
	return parentOf(ctx)
}

func parentOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// contextOf returns a context with the span of a traceparent as its remote parent.
func contextOf(traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(),
		propagation.MapCarrier{"traceparent": traceparent})
}

// Event is a stored event.
type Event struct {
	ID, Name, Source, Project string
	Duplicate                 bool
}

func (e Event) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("qase_relay.event.id", e.ID),
		attribute.String("qase_relay.event.name", e.Name), attribute.String("qase_relay.source", e.Source),
		attribute.String("qase_relay.project", e.Project)}
}

// Accepted describes the event in the span of its webhook call.
func (t *Telemetry) Accepted(ctx context.Context, ev Event) {
	if t == nil || t.tracer == nil {
		return
	}
	trace.SpanFromContext(ctx).SetAttributes(append(ev.attributes(),
		attribute.Bool("qase_relay.duplicate", ev.Duplicate))...)
}

// Decision is what the rules did with an event. Rules are those that did more than not to match, with their outcome.
type Decision struct {
	Event
	Trace      string // the traceparent of the event
	Took       time.Duration
	Rules      []RuleOutcome
	Deliveries int
}

// RuleOutcome is what one rule did.
type RuleOutcome struct{ Rule, Outcome string }

// Decided makes the span of a decision that was stored just now.
func (t *Telemetry) Decided(d Decision) {
	if t == nil || t.tracer == nil {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(contextOf(d.Trace), "decide "+d.Name, trace.WithTimestamp(end.Add(-max(0, d.Took))),
		trace.WithAttributes(append(d.attributes(), attribute.Int("qase_relay.deliveries", d.Deliveries))...))
	for _, r := range d.Rules {
		span.AddEvent("rule", trace.WithTimestamp(end), trace.WithAttributes(attribute.String("qase_relay.rule", r.Rule),
			attribute.String("qase_relay.outcome", r.Outcome)))
	}
	span.End(trace.WithTimestamp(end))
}

// Attempt is one try to send a message.
type Attempt struct {
	Trace                           string // the traceparent of the message
	Event, Delivery, Rule, Notifier string
	Number                          int
	Took                            time.Duration
	State                           string // of the delivery afterwards
	Status, Reason, Error           string // of the answer; reason and error are empty if it arrived
}

// Attempted makes the span of an attempt that has ended just now.
func (t *Telemetry) Attempted(a Attempt) {
	if t == nil || t.tracer == nil {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(contextOf(a.Trace), "send "+a.Notifier, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(end.Add(-max(0, a.Took))), trace.WithAttributes(
			attribute.String("qase_relay.event.id", a.Event), attribute.String("qase_relay.delivery.id", a.Delivery),
			attribute.String("qase_relay.rule", a.Rule), attribute.String("qase_relay.notifier", a.Notifier),
			attribute.Int("qase_relay.attempt", a.Number), attribute.String("qase_relay.delivery.state", a.State),
			attribute.String("qase_relay.status", a.Status)))
	if a.Reason != "" {
		span.SetAttributes(attribute.String("error.type", a.Reason))
		span.SetStatus(codes.Error, a.Error)
	}
	span.End(trace.WithTimestamp(end))
}

// Work is something that the relay does by itself, with a trace of its own. A nil Work has none.
type Work struct {
	span  trace.Span
	trace string
}

// Begin begins the span of a work, with links to the traces that it is about: traceparents, of which empty ones do not
// count. It is exported once it has ended.
func (t *Telemetry) Begin(name string, about []string) *Work {
	if t == nil || t.tracer == nil {
		return nil
	}
	var links []trace.Link
	seen := map[string]bool{"": true}
	for _, traceparent := range about {
		if seen[traceparent] {
			continue
		}
		seen[traceparent] = true
		if linked := trace.SpanContextFromContext(contextOf(traceparent)); linked.IsValid() && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: linked})
		}
	}
	ctx, span := t.tracer.Start(context.Background(), name, trace.WithNewRoot(), trace.WithLinks(links...))
	return &Work{span: span, trace: parentOf(ctx)}
}

// Trace returns the traceparent of the work, or "".
func (w *Work) Trace() string {
	if w == nil {
		return ""
	}
	return w.trace
}

// End ends the work with the event that it made.
func (w *Work) End(ev Event) {
	if w == nil {
		return
	}
	w.span.SetAttributes(ev.attributes()...)
	w.span.End()
}
