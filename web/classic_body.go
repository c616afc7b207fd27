package web

import (
	"encoding/json"
	"fmt"
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

// Bodies of the classic calls about people, by the names of the calls. Members are asked for in this order.
type (
	oldCreateOrg struct {
		Orgname string `json:"orgname"`
		User    words  `json:"user"`
		Admin   words  `json:"admin"`
		Name    string `json:"name"`
	}
	oldCreateUser struct {
		Email     string `json:"email"`
		Password  string `json:"password"`
		Password2 string `json:"password2"`
		Name      string `json:"name"`
	}
	oldAdd struct {
		OrgHash string `json:"org_hash"`
		User    words  `json:"user"`
		AddTo   words  `json:"add_to"`
	}
	oldDelete struct {
		OrgHash string `json:"org_hash"`
		User    words  `json:"user"`
		DelFrom words  `json:"del_from"`
	}
	oldInfo struct {
		OrgHash    string `json:"org_hash"`
		ReturnType *words `json:"return_type,omitzero"` // without, all
	}
)

// keyError is how the original says that a member is missing.
const keyError = "KeyError('%[1]s')"

// decodeOld decodes a classic body. Like the original it looks over members that it does not know; without is the text about a member that is missing.
func decodeOld[T any](s *Server, c echo.Context, without string) (T, error) {
	var v T
	body, err := s.readBody(c)
	if err != nil {
		return v, err
	}
	return v, decodeOldBody(body, &v, without)
}

func decodeOldBody(body []byte, v any, without string) error {
	if err := json.Unmarshal(body, v); err != nil {
		return badRequest("Invalid input: " + jsonFault(err) + "!")
	}
	if name := missing(body, v); name != "" {
		return badRequest(fmt.Sprintf(without, name))
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
