package filter

import (
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/spelling"
)

// links gathers URLs and e-mail addresses of texts, each once, in their order.
type links struct {
	urls, addrs []string
	seen        map[string]bool
}

func (l *links) addURL(text string) {
	text = strings.TrimSpace(text)
	if len(text) > 8<<10 || !indicator.IsURL(spelling.URL(text)) {
		return
	}
	l.add(&l.urls, spelling.URL(text))
}

func (l *links) addAddr(text string) {
	if text = spelling.Email(text); indicator.IsEmail(text) {
		l.add(&l.addrs, text)
	}
}

// maxLinks is how many of a kind are gathered.
const maxLinks = 10_000

func (l *links) add(to *[]string, value string) {
	if len(*to) == maxLinks {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if !l.seen[value] {
		l.seen[value] = true
		*to = append(*to, value)
	}
}

var (
	urlInText  = regexp.MustCompile(`(?i)\b(?:https?|ftp|hxxps?)(?:://|\[://\]|\[:\]//)[^\s<>"\x60\x00-\x1f]+`)
	addrInText = regexp.MustCompile(`[A-Za-z0-9._%+=-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
)

// text finds what stands in plain text. Marks that end a sentence or a bracket around a URL are not part of it. What looks like an address
// inside of a URL is none.
func (l *links) text(text string) {
	for _, found := range urlInText.FindAllString(text, maxLinks) {
		l.addURL(indicator.TrimURL(found))
	}
	for _, found := range addrInText.FindAllString(urlInText.ReplaceAllString(text, " "), maxLinks) {
		l.addAddr(found)
	}
}

// linkAttributes are the attributes of HTML that hold addresses of other places.
var linkAttributes = []string{"href", "src", "action", "formaction", "background", "data", "poster", "cite"}

// html finds what a reader of the page would follow or load, and what stands in its text.
func (l *links) html(page string) {
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				l.text(string(z.Raw()))
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			_, more := z.TagName()
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				if slices.Contains(linkAttributes, string(key)) {
					l.attribute(string(value))
				}
			}
		case html.TextToken: // of styles and scripts too, which load
			l.text(string(z.Text()))
		case html.EndTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func (l *links) attribute(value string) {
	value = strings.TrimSpace(value)
	rest, isMail := strings.CutPrefix(strings.ToLower(value), "mailto:")
	if !isMail {
		scheme, _, _ := strings.Cut(rest, ":")
		switch scheme {
		case "http", "https", "ftp":
			l.addURL(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(value)) // as browsers read it
		}
		return
	}
	to, _, _ := strings.Cut(value[len("mailto:"):], "?")
	for addr := range strings.SplitSeq(to, ",") {
		if plain, err := url.PathUnescape(addr); err == nil {
			l.addAddr(plain)
		}
	}
}
