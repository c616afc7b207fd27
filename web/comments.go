package web

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/tahoe"
)

// A commentView is a comment as a reader of its organisation sees it.
type commentView struct {
	notebook.Comment

	OrgName    string `json:"org_name"`
	AuthorName string `json:"author_name"`
	Mine       bool   `json:"mine"`
}

func (s *Server) viewComment(ctx context.Context, c notebook.Comment, user identity.User, orgs []identity.Org) commentView {
	view := commentView{Comment: c, AuthorName: s.nameOf(ctx, c.Author), Mine: c.Author == user.Hash}
	if i := slices.IndexFunc(orgs, func(o identity.Org) bool { return o.Hash == c.Org }); i >= 0 {
		view.OrgName = orgs[i].Name
	}
	return view
}

// commented finds the instance of the path, which the caller must see, and who the caller is to the notebook.
func (s *Server) commented(c echo.Context) (instanceRow, notebook.Reader, []identity.Org, error) {
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return instanceRow{}, notebook.Reader{}, nil, err
	}
	of, _, err := s.instanceOf(ctx, who, c.Param("hash"))
	if err != nil {
		return of, notebook.Reader{}, nil, err
	}
	r, orgs, err := s.notesReader(c)
	return of, r, orgs, err
}

// comments is GET /api/v1/instances/{hash}/comments: those of the organisations that the caller reads.
func (s *Server) comments(c echo.Context) error {
	of, r, orgs, err := s.commented(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Notebook.Comments(c.Request().Context(), r, of.Hash)
	if err != nil {
		return err
	}
	views := make([]commentView, len(list))
	for i, one := range list {
		views[i] = s.viewComment(c.Request().Context(), one, caller(c), orgs)
	}
	return c.JSON(http.StatusOK, map[string]any{"comments": views})
}

// commentBody is the body of POST /api/v1/instances/{hash}/comments.
type commentBody struct {
	Text string `json:"text"`
	Org  string `json:"org"` // name or hash
}

// addComment is POST /api/v1/instances/{hash}/comments.
func (s *Server) addComment(c echo.Context) error {
	var body commentBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	of, _, orgs, err := s.commented(c)
	if err != nil {
		return err
	}
	org, err := readableOrg(orgs, body.Org)
	if err != nil {
		return err
	}
	made, err := s.cfg.Notebook.Comment(c.Request().Context(), notebook.Comment{
		Instance: of.Hash, Org: org.Hash, Author: caller(c).Hash, Text: body.Text,
	})
	if err != nil {
		return err
	}
	s.cfg.Audit.Note(c.Request().Context(), audit.Entry{
		Action: audit.CommentAdd, Orgs: []tahoe.Hash{org.Hash}, Object: of.Hash.String(), Detail: map[string]string{"comment": made.ID},
	})
	return c.JSON(http.StatusCreated, s.viewComment(c.Request().Context(), made, caller(c), orgs))
}

// removeComment is DELETE /api/v1/comments/{id}, for its author and the administrators of its organisation.
func (s *Server) removeComment(c echo.Context) error {
	ctx := c.Request().Context()
	r, orgs, err := s.notesReader(c)
	if err != nil {
		return err
	}
	found, err := s.cfg.Notebook.FindComment(ctx, r, c.Param("id"))
	if err != nil {
		return err
	}
	admin := slices.ContainsFunc(orgs, func(o identity.Org) bool { return o.Hash == found.Org && slices.Contains(o.Admins, r.User) })
	if found.Author != r.User && !admin {
		return forbidden("Only its author, or an admin of the organisation, may delete a comment.")
	}
	deed := audit.Entry{
		Action: audit.CommentDrop, Orgs: []tahoe.Hash{found.Org}, Object: found.Instance.String(), Detail: map[string]string{"comment": found.ID},
	}
	if err := s.cfg.Audit.Do(ctx, deed, func() error { return s.cfg.Notebook.RemoveComment(ctx, r, found.ID) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
