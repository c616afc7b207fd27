package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/telemetry"
)

// metrics is what the HTTP server counts.
type metrics struct {
	requests *telemetry.Counter
	duration *telemetry.Histogram
}

func newMetrics(m *telemetry.Metrics) metrics {
	return metrics{
		requests: m.Counter("cybexp_http_requests_total", "Requests that were answered.", "method", "route", "code"),
		duration: m.Histogram("cybexp_http_request_seconds", "Time until a request was answered; websockets are not counted.", "route"),
	}
}

// measured counts and traces a request by its route, never by its path.
func (s *Server) measured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begun, route := time.Now(), route(c)
		ctx, span := telemetry.StartServer(c.Request().Context(), c.Request().Header, method(c)+" "+route)
		c.SetRequest(c.Request().WithContext(ctx))
		err := next(c)
		status := c.Response().Status
		if route == socketRoute && status == http.StatusOK {
			status = http.StatusSwitchingProtocols // the connection is not echo's any more, which it does not note
		}
		span.Set("http.route", route, "http.response.status_code", status)
		if status >= http.StatusInternalServerError {
			span.End(http.ErrAbortHandler)
		} else {
			span.End(nil)
		}
		s.metrics.requests.Add(1, method(c), route, strconv.Itoa(status))
		if route != socketRoute {
			s.metrics.duration.Observe(time.Since(begun), route)
		}
		return err
	}
}

// route names what answers; what nothing answers is one.
func route(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "none"
}

// method is the request's, if it is one of ours; anybody may invent others.
func method(c echo.Context) string {
	switch m := c.Request().Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
		return m
	}
	return "other"
}
