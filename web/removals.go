package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/tahoe"
)

// removeUpload is DELETE /api/v1/uploads/{id}: what it brought goes in the background, unless another upload of the organisation, or somebody else, has it too.
func (s *Server) removeUpload(c echo.Context) error {
	status, err := s.callersUpload(c)
	if err != nil {
		return err
	}
	err = s.cfg.Ingest.MayTakeBack(c.Request().Context(), status.ID)
	switch {
	case errors.Is(err, ingest.ErrWorking):
		return refuse(http.StatusConflict, "working", "The upload is being worked on. Come back when it is done.")
	case errors.Is(err, ingest.ErrUnknownRaws):
		return refuse(http.StatusConflict, "unknown", "It is not kept what the upload brought: it was sent before that was done. Remove its events.")
	case err != nil:
		return err
	}
	return s.askRemoval(c, retention.Upload, status.ID, status.Org)
}

// removeOrgData is DELETE /api/v1/orgs/{org}/data, for superusers: all that the organisation has in the graph goes in the background.
func (s *Server) removeOrgData(c echo.Context) error {
	org, err := s.orgToRun(c)
	if err != nil {
		return err
	}
	return s.askRemoval(c, retention.Organisation, org.Hash.String(), org.Hash)
}

// askRemoval has something removed in the background, and tells where it is told how far that is.
func (s *Server) askRemoval(c echo.Context, what retention.Kind, object string, org tahoe.Hash) error {
	job := retention.Job{What: what, Object: object, Org: org.String(), User: caller(c).Hash.String()}
	err := s.remove(c, string(what), object, []tahoe.Hash{org}, func(ctx context.Context) (err error) {
		job, err = s.cfg.Removals.Ask(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/removals/"+job.ID)
	return c.JSON(http.StatusAccepted, job)
}

// removal is GET /api/v1/removals/{id}: how far a removal is.
func (s *Server) removal(c echo.Context) error {
	job, err := s.cfg.Removals.Find(c.Request().Context(), c.Param("id"))
	if err == nil {
		var may bool
		if may, err = s.mayFollow(c, job); err == nil && !may {
			err = retention.ErrNoJob
		}
	}
	if errors.Is(err, retention.ErrNoJob) {
		return refuse(http.StatusNotFound, "no-removal", "There is no such removal.")
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, job)
}

// removals is GET /api/v1/removals: those that the caller may follow, newest first.
func (s *Server) removals(c echo.Context) error {
	jobs, err := s.cfg.Removals.All(c.Request().Context())
	if err != nil {
		return err
	}
	mine := []retention.Job{}
	for _, job := range jobs {
		may, err := s.mayFollow(c, job)
		if err != nil {
			return err
		}
		if may {
			mine = append(mine, job)
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"removals": mine})
}

// mayFollow tells whether the caller may know of a removal: who asked for it, who administers the organisation, and superusers.
func (s *Server) mayFollow(c echo.Context, job retention.Job) (bool, error) {
	user := caller(c)
	if user.Super || job.User == user.Hash.String() {
		return true, nil
	}
	org, err := tahoe.ParseHash(job.Org)
	if err != nil {
		return false, err
	}
	return s.cfg.Identity.Administers(c.Request().Context(), user.Hash, org)
}
