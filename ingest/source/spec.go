package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Source is a place that data comes from by itself. It holds no secret and may be shown to who administers its organisation.
type Source struct {
	ID       string        `json:"id"`   // made of organisation and name
	Name     string        `json:"name"` // unique in the organisation
	Kind     Kind          `json:"kind"`
	Org      tahoe.Hash    `json:"org"`           // who owns the data
	User     tahoe.Hash    `json:"user"`          // who added it
	Typetag  string        `json:"typetag"`       // the format, such as cowrie
	Timezone string        `json:"timezone"`      // IANA name, for stamps that name no zone
	Marking  tahoe.Marking `json:"tlp,omitempty"` // of all that it brings
	Period   Period        `json:"period"`        // from one look to the next; zero where the source sends by itself
	Settings

	Enabled bool      `json:"enabled"`
	Secret  bool      `json:"secret"` // whether it has one
	Added   time.Time `json:"added"`
	Started time.Time `json:"started"` // when somebody last said so
}

// Settings say where a source is; each kind has its own, see docs/sources.md.
type Settings struct {
	URL    string              `json:"url,omitempty"`    // "{secret}" in it stands for the secret
	Login  string              `json:"login,omitempty"`  // of basic authentication
	Header string              `json:"header,omitempty"` // that carries the secret, when it is not Authorization
	Mode   string              `json:"mode,omitempty"`   // feed or search (misp), tail or whole (file)
	Path   string              `json:"path,omitempty"`   // a file, a folder or a pattern, under the folder that the server allows
	Listen string              `json:"listen,omitempty"` // udp:PORT, tcp:PORT or tls:PORT
	Since  time.Time           `json:"since,omitzero"`   // what is older is not asked for
	Filter map[string][]string `json:"filter,omitempty"` // what the server is asked for; several values of a name mean any of them
}

// Kind is what is spoken with a source.
type Kind string

// The kinds.
const (
	WebSocket Kind = "websocket"
	HTTP      Kind = "http"
	MISP      Kind = "misp"
	TAXII     Kind = "taxii"
	File      Kind = "file"
	Syslog    Kind = "syslog"
)

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{WebSocket, HTTP, MISP, TAXII, File, Syslog} }

// Period is a length of time that is written as "90s", "15m" or "12h".
type Period time.Duration

// MarshalText writes p as UnmarshalText reads it.
func (p Period) MarshalText() ([]byte, error) { return []byte(time.Duration(p).String()), nil }

// UnmarshalText reads "90s", "1h30m" and the like.
func (p *Period) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%.40q is no length of time such as 90s, 15m or 12h", text)
	}
	*p = Period(d)
	return nil
}

// ID is the ID of the organisation's source of that name.
func ID(org tahoe.Hash, name string) string {
	sum := sha256.Sum256([]byte(org.String() + "\n" + name))
	return hex.EncodeToString(sum[:16])
}

// isID tells what may be an ID.
func isID(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 32
}
