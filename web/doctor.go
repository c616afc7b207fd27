package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Finding is what a check of the platform found.
type Finding struct {
	Check  string `json:"check"`            // disk, keys, …
	Status Health `json:"status"`           // ok, warn or fail
	Text   string `json:"text"`             // what is
	Advice string `json:"advice,omitempty"` // what to do about it
}

// Health says how bad a finding is.
type Health string

// The kinds of findings, from good to bad.
const (
	OK   Health = "ok"
	Warn Health = "warn"
	Fail Health = "fail"
)

// Diagnosis is all that was found.
type Diagnosis struct {
	Time     time.Time `json:"time"` // by the server's clock
	Findings []Finding `json:"findings"`
}

// doctorTime bounds a diagnosis.
const doctorTime = 50 * time.Second

// doctor is GET /api/v1/doctor, for superusers: what is well with the platform, and what is not.
func (s *Server) doctor(c echo.Context) error {
	if s.cfg.Doctor == nil {
		return refuse(http.StatusNotImplemented, "no-doctor", "This server checks nothing.")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), doctorTime)
	defer cancel()
	return c.JSON(http.StatusOK, Diagnosis{Time: time.Now().UTC(), Findings: s.cfg.Doctor(ctx)})
}
