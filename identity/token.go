package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

const (
	issuer     = "cybexp"
	maxToken   = 4096 // bytes; ours have about 300
	maxTokens  = 100  // that a user may have at a time
	maxSession = 20   // of which sessions: a newer one ends the oldest
)

// Right is what a token may be used for, of what its user may do.
type Right string

// The rights of a token.
const (
	Full   Right = "full"   // all that the user may do
	Upload Right = "upload" // send data and see what became of it
	Read   Right = "read"   // ask, and see results; change nothing
)

// ParseRight reads full, upload or read.
func ParseRight(text string) (Right, error) {
	if r := Right(text); r == Full || r == Upload || r == Read {
		return r, nil
	}
	return "", fmt.Errorf("%w: a token's right is full, upload or read, not %q", ErrInvalid, text)
}

// Token is what is known of a token: not its text, which only its holder has.
type Token struct {
	ID      string    `json:"id"`
	Label   string    `json:"label"`
	Right   Right     `json:"right"`
	Session bool      `json:"session,omitempty"` // made by a sign-in
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Caller is who a token signs in.
type Caller struct {
	User  User
	Token Token
}

// Issue makes a token that signs user in for ttl, with all that the user may do.
func (s *Service) Issue(ctx context.Context, user tahoe.Hash, ttl time.Duration) (string, error) {
	text, _, err := s.IssueToken(ctx, user, Token{Right: Full}, ttl)
	return text, err
}

// IssueToken makes a token that signs user in for ttl, of which t says the label, the right and whether it is a session. For as long
// as it lasts it does what its user may do at that moment, within its right.
func (s *Service) IssueToken(ctx context.Context, user tahoe.Hash, t Token, ttl time.Duration) (string, Token, error) {
	_, err := ParseRight(string(t.Right))
	if err := errors.Join(err, checkText("label", t.Label, 0, maxTitle)); err != nil {
		return "", t, fmt.Errorf("issue token: %w", err)
	}
	if ttl < time.Second {
		return "", t, fmt.Errorf("issue token: %w: a token must last a second or more, not %v", ErrInvalid, ttl)
	}
	u, err := s.User(ctx, user)
	if err == nil && u.Disabled {
		err = fmt.Errorf("%w: the user is disabled", ErrInvalid)
	}
	if err != nil {
		return "", t, fmt.Errorf("issue token: %w", err)
	}
	now := s.Now().UTC().Truncate(time.Second)
	t.ID, t.Created, t.Expires = rand.Text(), now, now.Add(ttl)
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer:    issuer,
		Subject:   user.String(),
		ID:        t.ID,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(t.Expires),
	}).SignedString(s.Keys.current()[0])
	if err == nil {
		deed := t.issue()
		err = s.changeTokens(ctx, user, &deed, func(tokens []Token) ([]Token, error) { return s.addToken(tokens, t) })
	}
	if err != nil {
		return "", t, fmt.Errorf("issue token: %w", err)
	}
	return text, t, nil
}

// issue is the making of a token, or a sign-in, as the audit trail has it.
func (t Token) issue() audit.Entry {
	if t.Session {
		return audit.Entry{Action: audit.SignIn, Object: t.ID}
	}
	detail := map[string]string{"label": t.Label, "right": string(t.Right), "expires": t.Expires.Format(time.RFC3339)}
	return audit.Entry{Action: audit.TokenCreate, Object: t.ID, Detail: detail}
}

// addToken adds to a user's tokens. Sessions push out the oldest session; other tokens are refused when there are too many.
func (s *Service) addToken(tokens []Token, t Token) ([]Token, error) {
	sessions := 0
	for _, old := range tokens {
		if old.Session {
			sessions++
		}
	}
	switch {
	case t.Session && sessions >= maxSession:
		oldest := slices.IndexFunc(tokens, func(t Token) bool { return t.Session })
		tokens = slices.Delete(tokens, oldest, oldest+1)
	case !t.Session && len(tokens)-sessions >= maxTokens-maxSession:
		return nil, fmt.Errorf("%w: there are %d tokens already; revoke some", ErrInvalid, len(tokens)-sessions)
	}
	return append(tokens, t), nil
}

// changeTokens changes the list of a user's tokens, from which those that expired are gone.
func (s *Service) changeTokens(ctx context.Context, user tahoe.Hash, deed *audit.Entry, f func([]Token) ([]Token, error)) error {
	if err := s.about(ctx, user, deed); err != nil {
		return err
	}
	_, err := update(ctx, s, keyOf(tokenKeys, user), func(tokens *[]Token) (_ []audit.Entry, err error) {
		before := s.alive(*tokens)
		*tokens, err = f(slices.Clone(before))
		deeds := []audit.Entry{*deed}
		if deed.Action == audit.SignIn {
			deeds = append(deeds, pushedOut(before, *tokens, *deed)...)
		}
		return deeds, err
	})
	return err
}

// pushedOut tells of the sessions that a sign-in ended.
func pushedOut(before, after []Token, signIn audit.Entry) (ends []audit.Entry) {
	for _, old := range before {
		if !slices.ContainsFunc(after, func(t Token) bool { return t.ID == old.ID }) {
			end := audit.Entry{Action: audit.SignOut, Object: old.ID, Orgs: signIn.Orgs, Detail: maps.Clone(signIn.Detail)}
			end.Detail["why"] = "pushed out by session " + signIn.Object
			ends = append(ends, end)
		}
	}
	return ends
}

// about adds to a deed whom it is about, and the organisations that they belong to, whose administrators may know.
func (s *Service) about(ctx context.Context, user tahoe.Hash, deed *audit.Entry) error {
	u, err := s.User(ctx, user)
	if err != nil {
		return err
	}
	if deed.Detail == nil {
		deed.Detail = map[string]string{}
	}
	deed.Detail["user"], deed.Detail["email"] = user.String(), u.Email
	deed.Orgs, err = s.Concerned(ctx, user)
	return err
}

// Concerned are the organisations that a user belongs to, whose administrators may read in the audit trail what the user does.
func (s *Service) Concerned(ctx context.Context, user tahoe.Hash) ([]tahoe.Hash, error) {
	orgs, err := s.MemberOf(ctx, user)
	hashes := make([]tahoe.Hash, len(orgs))
	for i, o := range orgs {
		hashes[i] = o.Hash
	}
	return hashes, err
}

func (s *Service) alive(tokens []Token) []Token {
	return slices.DeleteFunc(tokens, func(t Token) bool { return !s.Now().Before(t.Expires) })
}

// Tokens lists the tokens of a user that are valid, oldest first.
func (s *Service) Tokens(ctx context.Context, user tahoe.Hash) ([]Token, error) {
	tokens := []Token{}
	if _, err := s.load(ctx, keyOf(tokenKeys, user), &tokens); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return s.alive(tokens), nil
}

// Revoke makes a token of the user worthless from now on; ErrNotFound if there is none of the ID.
func (s *Service) Revoke(ctx context.Context, user tahoe.Hash, id string) error {
	deed := audit.Entry{Action: audit.TokenRevoke, Object: id}
	err := s.changeTokens(ctx, user, &deed, func(tokens []Token) ([]Token, error) {
		i := slices.IndexFunc(tokens, func(t Token) bool { return t.ID == id })
		if i < 0 {
			return nil, ErrNotFound
		}
		if tokens[i].Session {
			deed.Action = audit.SignOut
		}
		return slices.Delete(tokens, i, i+1), nil
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// EndSessions revokes what sign-ins of the user made.
func (s *Service) EndSessions(ctx context.Context, user tahoe.Hash) error {
	deed := audit.Entry{Action: audit.SignOut, Object: user.String(), Detail: map[string]string{"all": "true"}}
	err := s.changeTokens(ctx, user, &deed, func(tokens []Token) ([]Token, error) {
		return slices.DeleteFunc(tokens, func(t Token) bool { return t.Session }), nil
	})
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// Authenticate tells whose token it is and what it is good for. An error that does not wrap ErrToken is a trouble of the store.
func (s *Service) Authenticate(ctx context.Context, token string) (Caller, error) {
	claims, user, err := s.parse(token)
	if err != nil {
		return Caller{}, err
	}
	u, err := s.User(ctx, user)
	if errors.Is(err, ErrNotFound) {
		return Caller{}, ErrTokenUser
	}
	if err != nil {
		return Caller{}, fmt.Errorf("authenticate: %w", err)
	}
	if u.Disabled {
		return Caller{}, ErrTokenDisabled
	}
	tokens, err := s.Tokens(ctx, user)
	if err != nil {
		return Caller{}, fmt.Errorf("authenticate: %w", err)
	}
	i := slices.IndexFunc(tokens, func(t Token) bool { return t.ID == claims.ID })
	if i < 0 {
		return Caller{}, ErrTokenRevoked
	}
	return Caller{u, tokens[i]}, nil
}

// parse checks everything about a token that can be checked without the store.
func (s *Service) parse(token string) (jwt.RegisteredClaims, tahoe.Hash, error) {
	var c jwt.RegisteredClaims
	if len(token) > maxToken {
		return c, tahoe.Hash{}, ErrTokenForm
	}
	p := jwt.NewParser(jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding())
	_, err := p.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Method != jwt.SigningMethodHS256 {
			return nil, ErrTokenAlgorithm
		}
		return s.Keys.accepted(), nil
	})
	switch {
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return c, tahoe.Hash{}, ErrTokenAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return c, tahoe.Hash{}, ErrTokenSignature
	case errors.Is(err, jwt.ErrTokenExpired):
		return c, tahoe.Hash{}, ErrTokenExpired
	case err != nil:
		return c, tahoe.Hash{}, ErrTokenForm
	}
	user, err := tahoe.ParseHash(c.Subject)
	if err != nil {
		return c, tahoe.Hash{}, ErrTokenForm
	}
	return c, user, nil
}
