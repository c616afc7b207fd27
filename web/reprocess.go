package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// newJob is the body of POST /api/v1/reprocess.
type newJob struct {
	Typetag string    `json:"typetag"`
	Org     string    `json:"org,omitzero"` // name or hash; without, all
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
}

// reprocess is POST /api/v1/reprocess: the filter of a format runs again over the raws of an organisation, or, for superusers, of all.
func (s *Server) reprocess(c echo.Context) error {
	var body newJob
	if err := s.decode(c, &body); err != nil {
		return err
	}
	job := ingest.Job{Typetag: body.Typetag, Since: body.Since, Until: body.Until, User: caller(c).Hash}
	switch {
	case body.Typetag == "":
		return badRequest("'typetag' is missing.")
	case body.Org != "":
		org, err := s.careOrg(c, body.Org)
		if err != nil {
			return err
		}
		job.Org = org
	case !caller(c).Super:
		return refuse(http.StatusForbidden, "forbidden", "Only superusers may process the raws of all organisations again: name an org.")
	}
	job, err := s.cfg.Ingest.Reprocess(c.Request().Context(), job)
	if err != nil {
		return err
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutJob(audit.Reprocess, job))
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/reprocess/"+job.ID)
	return c.JSON(http.StatusAccepted, job)
}

// aboutJob is what was done to a job.
func aboutJob(action audit.Action, job ingest.Job) audit.Entry {
	deed := audit.Entry{Action: action, Object: job.ID, Detail: map[string]string{"typetag": job.Typetag}}
	if !job.Org.IsZero() {
		deed.Orgs = []tahoe.Hash{job.Org}
	}
	return deed
}

// careOrg is uploadOrg for those who look after uploads, superusers too.
func (s *Server) careOrg(c echo.Context, text string) (tahoe.Hash, error) {
	if caller(c).Super {
		org, err := s.cfg.Identity.FindOrg(c.Request().Context(), text)
		if errors.Is(err, identity.ErrNotFound) {
			return org.Hash, badRequest(fmt.Sprintf("There is no organisation %q.", text))
		}
		if err != nil {
			return org.Hash, fmt.Errorf("find org: %w", err)
		}
		return org.Hash, nil
	}
	org, err := s.uploadOrg(c, "org", text)
	return org.Hash, err
}

// reprocessJobs is GET /api/v1/reprocess: the jobs of organisations that the caller administers.
func (s *Server) reprocessJobs(c echo.Context) error {
	jobs, err := s.cfg.Ingest.Jobs(c.Request().Context())
	if err != nil {
		return err
	}
	orgs, err := s.administered(c)
	if err != nil {
		return err
	}
	if orgs != nil {
		jobs = slices.DeleteFunc(jobs, func(j ingest.Job) bool { return !slices.Contains(orgs, j.Org) })
	}
	for i := range jobs {
		jobs[i] = told(c, jobs[i])
	}
	return c.JSON(http.StatusOK, map[string]any{"jobs": jobs})
}

// reprocessJob is GET /api/v1/reprocess/{id}: how far a job is.
func (s *Server) reprocessJob(c echo.Context) error {
	job, err := s.findJob(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, told(c, job))
}

// told is what the caller may know of a job. How many vertices are new says of the others that somebody, whoever it is, has them already.
func told(c echo.Context, job ingest.Job) ingest.Job {
	if !caller(c).Super {
		job.Added = 0
	}
	return job
}

// cancelJob is DELETE /api/v1/reprocess/{id}: the job stops; what it did stays.
func (s *Server) cancelJob(c echo.Context) error {
	job, err := s.findJob(c)
	if err != nil {
		return err
	}
	if err := s.cfg.Ingest.Cancel(c.Request().Context(), job.ID); err != nil {
		return err
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutJob(audit.ReprocessEnd, job))
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) findJob(c echo.Context) (ingest.Job, error) {
	none := refuse(http.StatusNotFound, "no-job", "There is no such job.")
	job, err := s.cfg.Ingest.Job(c.Request().Context(), c.Param("id"))
	if errors.Is(err, ingest.ErrNotFound) {
		return job, none
	}
	if err != nil {
		return job, err
	}
	may, err := s.mayCare(c, job.Org)
	if err != nil {
		return job, err
	}
	if !may {
		return job, none.denying(job.Org)
	}
	return job, nil
}
