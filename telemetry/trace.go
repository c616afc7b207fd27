package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceConfig says where spans go.
type TraceConfig struct {
	URL     string  // of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318
	Share   float64 // of the traces that begin here which are kept, 0 to 1
	Service string  // cybexp-web
	Version string
	Logger  *slog.Logger
}

// StartTracing has the spans of this process sent to a collector, until stop. Before, and without it, spans cost next to nothing.
func StartTracing(ctx context.Context, c TraceConfig) (stop func(context.Context) error, err error) {
	to, err := url.Parse(c.URL)
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("start tracing: %q is not a URL such as http://127.0.0.1:4318", c.URL)
	}
	if strings.Trim(to.Path, "/") == "" {
		to.Path = "/v1/traces" // OTLP's own
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()))
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Share))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", c.Service), attribute.String("service.version", c.Version))),
	)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Logger.Warn("traces not sent", "err", err) }))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

// tracer finds the provider that is in use now.
func tracer() trace.Tracer { return otel.Tracer("github.com/cybexp/cybexp") }

// Span is a piece of work in a trace.
type Span struct{ span trace.Span }

// Start begins a span, under the one in ctx if there is one. The name has few values; attributes follow as pairs of key and value. The
// caller ends it.
func Start(ctx context.Context, name string, attrs ...any) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindInternal, attrs)
}

// StartServer begins the span of a request from outside, in the trace that its headers name.
func StartServer(ctx context.Context, h http.Header, name string) (context.Context, Span) {
	return start(wire.Extract(ctx, propagation.HeaderCarrier(h)), name, trace.SpanKindServer, nil)
}

// StartConsumer begins the span of work on a message, in the trace that its headers name.
func StartConsumer(ctx context.Context, header map[string]string, name string, attrs ...any) (context.Context, Span) {
	return start(wire.Extract(ctx, propagation.MapCarrier(header)), name, trace.SpanKindConsumer, attrs)
}

func start(ctx context.Context, name string, kind trace.SpanKind, attrs []any) (context.Context, Span) {
	ctx, span := tracer().Start(ctx, name, trace.WithSpanKind(kind))
	s := Span{span}
	s.Set(attrs...)
	return ctx, s
}

// SpanOf is the span of ctx; without one, what is told to it is lost.
func SpanOf(ctx context.Context) Span { return Span{trace.SpanFromContext(ctx)} }

// Set adds attributes, as pairs of key and value.
func (s Span) Set(attrs ...any) {
	if !s.span.IsRecording() {
		return
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		s.span.SetAttributes(pair(attrs[i].(string), attrs[i+1]))
	}
}

func pair(key string, value any) attribute.KeyValue {
	switch v := value.(type) {
	case string:
		return attribute.String(key, v)
	case int:
		return attribute.Int(key, v)
	case uint64:
		return attribute.Int64(key, int64(v))
	case time.Duration:
		return attribute.Float64(key, v.Seconds())
	}
	return attribute.String(key, fmt.Sprint(value))
}

// Name gives the span a better name than was known when it began.
func (s Span) Name(name string) { s.span.SetName(name) }

// Mark notes that something happened now.
func (s Span) Mark(event string) { s.span.AddEvent(event) }

// End ends the span. An error's text is not told, since it may quote data; that it failed is.
func (s Span) End(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// wire is how a trace goes from process to process: W3C's traceparent.
var wire = propagation.TraceContext{}

// Inject writes the trace of ctx into the headers of a message, if there is one.
func Inject(ctx context.Context, set func(key, value string)) {
	wire.Inject(ctx, setter(set))
}

type setter func(key, value string)

func (s setter) Get(string) string     { return "" }
func (s setter) Keys() []string        { return nil }
func (s setter) Set(key, value string) { s(key, value) }

// LogHandler adds the trace to what is logged with a context that has one.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()), slog.String("span_id", c.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
