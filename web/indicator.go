package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// maxIndicators is how many indicators of a pasted text are told.
const maxIndicators = 100

// A foundIndicator is something that a pasted text names, and the query that starts at it. Of several of a sub-type there is one that
// starts at all of them.
type foundIndicator struct {
	SubType string `json:"sub_type"`
	Value   string `json:"value"`
	TDQL    string `json:"tdql"`
}

// indicatorBody is the body of POST /api/v1/tdql/indicator.
type indicatorBody struct {
	Text string `json:"text"`
}

// indicators is POST /api/v1/tdql/indicator: what a pasted text may name, as starts of queries. It looks nothing up.
func (s *Server) indicators(c echo.Context) error {
	var q indicatorBody
	if err := s.decode(c, &q); err != nil {
		return err
	}
	found := indicator.Find(q.Text, maxIndicators)
	if text := strings.TrimSpace(q.Text); len(found) == 0 && text != "" && !strings.Contains(text, "\n") {
		found = []indicator.Indicator{{SubType: indicator.Any, Value: text}}
	}
	list := make([]foundIndicator, len(found))
	by := map[string][]string{}
	for i, one := range found {
		list[i] = foundIndicator{one.SubType, one.Value, startAt(one.SubType, one.Value)}
		if one.SubType != "cidr" {
			by[one.SubType] = append(by[one.SubType], one.Value)
		}
	}
	together := []foundIndicator{}
	for _, one := range found { // in the order of the first of each
		if values := by[one.SubType]; len(values) > 1 {
			together = append(together, foundIndicator{one.SubType, strings.Join(values, ", "), startAt(one.SubType, values...)})
			delete(by, one.SubType)
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"candidates": list, "together": together})
}

// startAt is the query for values. A network stands for the addresses in it.
func startAt(subType string, values ...string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = tdql.Literal(tahoe.String(v))
	}
	list := strings.Join(words, ", ")
	if len(words) > 1 {
		list = "(" + list + ")"
	}
	if subType == "cidr" {
		subType = "ipv4"
		if strings.Contains(values[0], ":") {
			subType = "ipv6"
		}
		return "attributes " + subType + " where data in " + list
	}
	return subType + " " + list
}
