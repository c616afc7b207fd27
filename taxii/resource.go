package taxii

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Media types of what is sent and of what is in collections.
const (
	MediaType = "application/taxii+json;version=2.1"
	MediaSTIX = "application/stix+json;version=2.1"
)

// Discovery tells what a server has.
type Discovery struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Default     string   `json:"default,omitempty"` // one of APIRoots
	APIRoots    []string `json:"api_roots,omitempty"`
}

// Root tells of an API root.
type Root struct {
	Title            string   `json:"title"`
	Description      string   `json:"description,omitempty"`
	Versions         []string `json:"versions"`
	MaxContentLength int64    `json:"max_content_length"` // bytes of a request's body
}

// Collections are those of an API root that a caller may use.
type Collections struct {
	Collections []Collection `json:"collections,omitempty"`
}

// Collection tells of a collection.
type Collection struct {
	ID          string   `json:"id"` // a UUID of version 4
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"` // may stand for the id in a URL
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"`
}

// Envelope is a page of objects, or what a client sends.
type Envelope struct {
	More    bool              `json:"more"`
	Next    string            `json:"next,omitempty"`
	Objects []json.RawMessage `json:"objects,omitempty"`
}

// Manifest is a page of what is known of objects.
type Manifest struct {
	More    bool     `json:"more"`
	Next    string   `json:"next,omitempty"`
	Objects []Record `json:"objects,omitempty"`
}

// Record is what a manifest has of an object.
type Record struct {
	ID        string `json:"id"`
	DateAdded string `json:"date_added"`
	Version   string `json:"version"`
	MediaType string `json:"media_type,omitempty"`
}

// Versions is a page of the versions of an object.
type Versions struct {
	More     bool     `json:"more"`
	Next     string   `json:"next,omitempty"`
	Versions []string `json:"versions,omitempty"`
}

// Status tells what became of objects that a client sent.
type Status struct {
	ID        string   `json:"id"`
	Status    Progress `json:"status"`
	Requested string   `json:"request_timestamp,omitempty"`
	Total     int      `json:"total_count"`
	Success   int      `json:"success_count"`
	Failure   int      `json:"failure_count"`
	Pending   int      `json:"pending_count"`
	Failures  []Detail `json:"failures,omitempty"`
}

// Progress is pending until nothing more will change, and then complete.
type Progress string

// The two of them.
const (
	Pending  Progress = "pending"
	Complete Progress = "complete"
)

// Detail tells of one object that was sent.
type Detail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Title       string            `json:"title"`
	Description string            `json:"description,omitempty"`
	ErrorID     string            `json:"error_id,omitempty"`
	ErrorCode   string            `json:"error_code,omitempty"`
	HTTPStatus  string            `json:"http_status,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
}

// Stamp is a time as TAXII writes it: in UTC, with six digits of a second.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// SavedID is the UUID of the collection that a saved query is. The id of a saved query is random, and so is the UUID.
func SavedID(id string) string {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(id))
	if err != nil || len(raw) < 16 {
		return InboxID(id) // no id that the notebook gives
	}
	return uuid4([16]byte(raw))
}

// InboxID is the UUID of the collection that takes what is sent to an organisation.
func InboxID(org string) string {
	sum := sha256.Sum256([]byte("taxii inbox\n" + org))
	return uuid4([16]byte(sum[:]))
}

func uuid4(u [16]byte) string {
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
