package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// maxLetters is how many dead letters are listed at a time.
const maxLetters = 100

// administered lists the organisations whose uploads the caller may look after; nil, which stands for all, for a superuser.
func (s *Server) administered(c echo.Context) ([]tahoe.Hash, error) {
	user := caller(c)
	if user.Super {
		return nil, nil
	}
	orgs, err := s.cfg.Identity.Readable(c.Request().Context(), user.Hash)
	if err != nil {
		return nil, fmt.Errorf("list orgs: %w", err)
	}
	hashes := []tahoe.Hash{}
	for _, org := range orgs {
		if viewOf(org, user).Admin {
			hashes = append(hashes, org.Hash)
		}
	}
	return hashes, nil
}

// deadLetters is GET /api/v1/dead?after=: what was given up of the organisations that the caller administers.
func (s *Server) deadLetters(c echo.Context) error {
	var after uint64
	if text := c.QueryParam("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 63); err != nil {
			return badRequest("'after' is not a number.")
		}
	}
	orgs, err := s.administered(c)
	if err != nil {
		return err
	}
	letters, err := s.cfg.Ingest.Letters(c.Request().Context(), orgs, after, maxLetters)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"dead": letters})
}

// deadLetter is GET /api/v1/dead/{id}: one of them, with its records.
func (s *Server) deadLetter(c echo.Context) error {
	letter, err := s.findLetter(c)
	if err != nil {
		return err
	}
	answer := struct {
		ingest.Letter

		Content []ingest.LetterRecord `json:"content"`
		Sealed  string                `json:"sealed,omitempty"` // why there is no content
	}{Letter: letter}
	if answer.Content, err = s.cfg.Ingest.LetterRecords(c.Request().Context(), letter.ID); err != nil {
		if errors.Is(err, ingest.ErrNotFound) {
			return err
		}
		answer.Sealed = "No key here opens it."
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutLetter(audit.DeadRead, letter))
	return c.JSON(http.StatusOK, answer)
}

// retryLetter is POST /api/v1/dead/{id}/retry: it goes back into the lake.
func (s *Server) retryLetter(c echo.Context) error {
	letter, err := s.findLetter(c)
	if err != nil {
		return err
	}
	if err := s.cfg.Ingest.Retry(c.Request().Context(), letter.ID); err != nil {
		return err
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutLetter(audit.DeadRetry, letter))
	if letter.Upload != "" {
		c.Response().Header().Set(echo.HeaderLocation, "/api/v1/uploads/"+letter.Upload)
	}
	return c.NoContent(http.StatusAccepted)
}

// deleteLetter is DELETE /api/v1/dead/{id}: it is gone for good.
func (s *Server) deleteLetter(c echo.Context) error {
	letter, err := s.findLetter(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = s.cfg.Audit.Do(ctx, aboutLetter(audit.DeadDelete, letter), func() error { return s.cfg.Ingest.Discard(ctx, letter.ID) })
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// aboutLetter is what was done to a dead letter.
func aboutLetter(action audit.Action, letter ingest.Letter) audit.Entry {
	deed := audit.Entry{Action: action, Object: strconv.FormatUint(letter.ID, 10), Detail: map[string]string{"upload": letter.Upload}}
	if !letter.Org.IsZero() {
		deed.Orgs = []tahoe.Hash{letter.Org}
	}
	return deed
}

// findLetter finds the dead letter that the path names. Callers who do not administer its organisation are told that there is none; of
// what nobody knows the organisation superusers only know.
func (s *Server) findLetter(c echo.Context) (ingest.Letter, error) {
	none := refuse(http.StatusNotFound, "no-letter", "There is no such dead letter.")
	id, err := strconv.ParseUint(c.Param("id"), 10, 63)
	if err != nil || id == 0 {
		return ingest.Letter{}, none
	}
	ctx := c.Request().Context()
	letter, err := s.cfg.Ingest.Letter(ctx, id)
	if errors.Is(err, ingest.ErrNotFound) {
		return letter, none
	}
	if err != nil {
		return letter, err
	}
	may, err := s.mayCare(c, letter.Org)
	if err != nil {
		return letter, err
	}
	if !may {
		return letter, none.denying(letter.Org)
	}
	return letter, nil
}

// mayCare tells whether the caller may look after the uploads of an organisation: superusers after all, its administrators after its own.
func (s *Server) mayCare(c echo.Context, org tahoe.Hash) (bool, error) {
	user := caller(c)
	if user.Super || org.IsZero() {
		return user.Super, nil
	}
	admin, err := s.cfg.Identity.Administers(c.Request().Context(), user.Hash, org)
	if err != nil {
		return false, fmt.Errorf("check administrator: %w", err)
	}
	return admin, nil
}
