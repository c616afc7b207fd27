package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// checkTime bounds each check of /readyz.
const checkTime = 2 * time.Second

func (s *Server) ping(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"message": "pong"})
}

func (s *Server) version(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"version": s.cfg.Version})
}

// healthy says that the process answers, whatever becomes of the services behind it.
func (s *Server) healthy(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether requests can be served: everything behind us answers, and we are not shutting down.
func (s *Server) ready(c echo.Context) error {
	missing := s.failing(c.Request().Context())
	if len(missing) > 0 {
		p := refuse(http.StatusServiceUnavailable, "not-ready", "Not ready: "+strings.Join(missing, ", ")+".")
		p.retryAfter = retryAfter
		return p
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// failing names the checks that fail, and logs why.
func (s *Server) failing(ctx context.Context) []string {
	select {
	case <-s.draining:
		return []string{"shutting down"}
	default:
	}
	type result struct {
		name string
		err  error
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	results := make(chan result, len(s.cfg.Checks))
	for name, check := range s.cfg.Checks {
		go func() { results <- result{name, check(ctx)} }()
	}
	var missing []string
	for range s.cfg.Checks {
		if r := <-results; r.err != nil {
			missing = append(missing, r.name)
			s.log.WarnContext(ctx, "not ready", "check", r.name, "err", r.err)
		}
	}
	slices.Sort(missing)
	return missing
}
