package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"

	"github.com/cybexp/cybexp/identity"
)

// put types into a field in place of what is there.
func (b *tab) put(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("((e) => e?.checkVisibility() && (e.focus(), e.select(), true))(document.querySelector(%q))", selector))
	b.do(command(input.InsertText, input.InsertTextParams{Text: text}))
}

// choose takes one of what a field offers.
func (b *tab) choose(selector, option string) {
	b.Helper()
	b.until(fmt.Sprintf(`((e) => e && [...e.options].some((o) => o.value === %q) && (e.value = %[1]q, e.dispatchEvent(new Event("change", {bubbles: true})), true))(document.querySelector(%q))`, option, selector))
}

// gone waits until no element of a selector says something.
func (b *tab) gone(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("![...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text))
}

// looked has axe-core look at what is shown; width and scheme name the picture.
func (b *tab) looked(name string, width int64, scheme string) {
	b.Helper()
	axe, err := os.ReadFile("ui/node_modules/axe-core/axe.min.js")
	if err != nil {
		b.Logf("axe-core is not installed, %s is not inspected: run make ui-deps (%v)", name, err)
		return
	}
	b.inspect(string(axe), fmt.Sprintf("%d-%s-run-%s", width, scheme, name))
}

// runsOrganisations makes an organisation and a user, and says what people are to it.
func runsOrganisations(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.super)
	b.click(".nav a", "Run")
	b.click(".run button", "New organisation")
	b.put("dialog [name=name]", "run-lab")
	b.put("dialog [name=title]", "The Lab")
	b.looked("new-org", 1280, "light")
	b.click("dialog button", "Make it")
	b.shows("h2", "People of The Lab")
	if got := value[string](b, "location.pathname + location.search"); got != "/run/orgs?org=run-lab" {
		t.Errorf("address: got %q", got)
	}
	b.click(".run button", "Add somebody")
	b.fill("dialog [name=email]", "nobody@example.org")
	b.shows("dialog .fault", "There is no user")
	b.fill("dialog [name=email]", d.reader.Email)
	b.shows(".run .list", "rita")
	b.choose(`[aria-label="Role of rita@example.org"]`, "member")
	b.click(`[aria-label="rita@example.org reads its data"]`, "")
	role := func() string { return string(d.get(d.super, "/api/v1/orgs/run-lab").body) }
	eventually(t, "a member who does not read", func() bool { return strings.Contains(role(), `"role":"member","reads":false`) })
	b.choose(`[aria-label="Role of root@example.org"]`, "member")
	b.shows(".toast.fault", "only administrator")
	if got := value[string](b, `document.querySelector('[aria-label="Role of root@example.org"]').value`); got != "admin" {
		t.Errorf("after a refusal the role shown is %q", got)
	}
	b.looked("orgs", 1280, "light")
	b.click(".run button", "Remove rita@example.org")
	b.click("dialog button", "Remove")
	b.gone(".run .list", "rita@")

	b.click("[role=tab]", "Users")
	b.click(".run button", "New user")
	b.put("dialog [name=email]", "run@example.org")
	b.click("dialog button", "Make it")
	b.shows(".run .list", "run@example.org")
	b.click(".run button", "Disable run@example.org")
	b.click("dialog button", "Disable")
	b.shows(".run .list .badge", "disabled")
	b.looked("users", 1280, "light")
	b.click("[role=tab]", "Health")
	b.shows(".run-health", "dead letters")
	b.looked("health", 1280, "light")

	b = d.enter(1280, 800, "light", d.reader)
	b.visit("/run/users") // is not for a reader
	b.shows("[role=tab][aria-selected=true]", "Organisations")
	if got := value[int](b, `document.querySelectorAll("[role=tab]").length`); got != 2 {
		t.Errorf("a reader has %d sections, want 2", got)
	}
	if b.gone("button", "New organisation"); strings.Contains(b.text(".run"), "People") {
		t.Error("a reader is offered the people")
	}
}

// runsTokens makes a token, which works until it is revoked, and changes the password.
func runsTokens(t *testing.T, d *desk) {
	who := must(d.users.CreateUser(t.Context(), identity.User{Email: "tom@example.org", Name: "tom"}))(t)
	check(t, d.users.SetPassword(t.Context(), who.Hash, "first words of tom"))
	b := d.open(1280, 800, "dark")
	b.visit("/run/tokens")
	b.put("[name=email]", "tom@example.org")
	b.fill("[name=password]", "first words of tom")
	b.click(".run button", "New token")
	b.put("dialog [name=label]", "a script")
	b.choose("dialog [name=right]", "read")
	b.click("dialog button", "Make it")
	b.shows(".run .list", "read only")
	tom := person{who, value[string](b, `document.querySelector(".token-made code").innerText`)}
	if got := d.get(tom, "/api/v1/me").status; got != http.StatusOK {
		t.Errorf("the token that is shown: %d", got)
	}
	b.looked("tokens", 1280, "dark")
	b.click(".run button", "Revoke a script")
	b.click("dialog button", "Revoke")
	b.gone(".run .list", "a script")
	if got := d.get(tom, "/api/v1/me").status; got != http.StatusUnauthorized {
		t.Errorf("the token that is revoked: %d", got)
	}
	b.click(".run button", "Change password")
	b.put("dialog [name=old]", "first words of tom")
	b.fill("dialog [name=password]", "other words of tom")
	b.shows(".toast", "Your password is changed.")
	b.click(".nav a", "Ask") // still signed in
	b.ask("events | count")
	b.state("ready")
}

// runsSources looks after sources and dead letters, on a phone too.
func runsSources(t *testing.T, d *desk) {
	feed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/list" {
			http.NotFound(w, q)
			return
		}
		fmt.Fprintln(w, "evil.example")
	}))
	defer feed.Close()
	b := d.enter(1280, 800, "light", d.admin)
	b.visit("/run/sources")
	for name, path := range map[string]string{"good feed": "/list", "bad feed": "/none"} {
		b.click(".run button", "Add a source")
		b.put("dialog [name=name]", name)
		b.put("dialog [name=url]", feed.URL+path)
		b.choose("dialog [name=typetag]", "indicators")
		b.click("dialog button", "Add")
		b.until(`document.querySelector("dialog") === null`)
		b.shows(".run .list tr", name)
	}
	b.shows(".run .list tr", "1 record")
	b.shows(".run .field-error", "404")
	b.shows(".run .badge", "failing")
	b.looked("sources", 1280, "light")
	b.click(".run button", "Stop bad feed")
	b.shows(".run .badge", "stopped")
	b.click(".run button", "Delete bad feed")
	b.click("dialog button", "Delete")
	b.gone(".run .list", "bad feed")

	first, second := d.bury("cowrie", login), d.bury("cowrie", "<b>no record</b>")
	phone := d.enter(390, 844, "dark", d.admin)
	phone.visit("/run/dead")
	phone.looked("dead", 390, "dark")
	phone.click(".run button", "Look at "+second)
	phone.shows("dialog pre", "<b>no record</b>")
	phone.looked("dead-content", 390, "dark")
	phone.click("dialog button", "Close")
	phone.click(".run button", "Delete "+second)
	phone.click("dialog button", "Delete")
	phone.click(".run button", "Retry "+first)
	phone.shows(".empty", "None")
	for _, name := range []string{"sources", "orgs", "tokens"} {
		phone.visit("/run/" + name)
		phone.until(`document.querySelector(".run .list td") !== null`)
		phone.looked(name, 390, "dark")
	}
	phone = d.enter(390, 844, "light", d.super)
	phone.visit("/run/health")
	phone.shows(".run-health", "graph")
	phone.looked("health", 390, "light")
	phone.visit("/run/users")
	phone.shows(".run .list", "root@")
	phone.looked("users", 390, "light")
}
