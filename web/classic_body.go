package web

import (
	"encoding/json"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// words is a member of a classic body that is a text or a list of texts.
type words []string

// UnmarshalJSON reads either form.
func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	var all []string
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*w = all
	return nil
}

// has tells whether one of the words is there.
func (w words) has(any ...string) bool {
	return slices.ContainsFunc(w, func(s string) bool { return slices.Contains(any, s) })
}

// orgBody is the body of the classic calls about an organisation; members that are missing are nil.
type orgBody struct {
	OrgHash    *string `json:"org_hash"`
	User       *words  `json:"user"`
	AddTo      *words  `json:"add_to"`
	DelFrom    *words  `json:"del_from"`
	ReturnType *words  `json:"return_type"`

	Orgname *string `json:"orgname"`
	Admin   *words  `json:"admin"`
	Name    *string `json:"name"`
}

// userBody is the body of POST /create/user.
type userBody struct {
	Email     *string `json:"email"`
	Password  *string `json:"password"`
	Password2 *string `json:"password2"`
	Name      *string `json:"name"`
}

// decodeOld decodes a classic body. Like the original it looks over members that it does not know.
func decodeOld[T any](s *Server, c echo.Context) (T, error) {
	var v T
	body, err := s.readBody(c)
	if err != nil {
		return v, err
	}
	return v, decodeOldBody(body, &v)
}

func decodeOldBody(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return badRequest("Invalid input: " + jsonFault(err) + "!")
	}
	return nil
}

// member is a part of a body: its name, and whether it is missing.
type member struct {
	name    string
	missing bool
}

// need names the first member that is missing as the original did.
func need(members ...member) error {
	for _, m := range members {
		if m.missing {
			return badRequest("KeyError('" + m.name + "')")
		}
	}
	return nil
}

// hashesOf reads users' hashes.
func hashesOf(texts words) ([]tahoe.Hash, error) {
	if len(texts) == 0 {
		return nil, &identity.UnknownUserError{Text: "[]"}
	}
	hashes := make([]tahoe.Hash, len(texts))
	for i, text := range texts {
		h, err := tahoe.ParseHash(text)
		if err != nil {
			return nil, &identity.UnknownUserError{Text: text}
		}
		hashes[i] = h
	}
	return hashes, nil
}
