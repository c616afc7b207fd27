package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// User is a person or a program that signs in. Passwords are kept elsewhere, so that no answer can hold one.
type User struct {
	Hash  tahoe.Hash `json:"hash"`
	Email string     `json:"email"`
	Name  string     `json:"name"`
	Super bool       `json:"super,omitempty"` // may create users and organisations

	Disabled bool `json:"disabled,omitempty"` // may nothing, until enabled again
}

// CreateUser adds u, whose hash it fills in. An e-mail address is one user's, in whatever case it is written and whether or not they
// are a superuser. Whether the caller may do so is the caller's to check.
func (s *Service) CreateUser(ctx context.Context, u User) (User, error) {
	return s.createUser(ctx, u, "")
}

// CreateUserWith is CreateUser with a password. What broke off before there is a user is done again from the beginning, with the password that is
// given then.
func (s *Service) CreateUserWith(ctx context.Context, u User, password string) (User, error) {
	if err := CheckPassword(u, password); err != nil {
		return User{}, err
	}
	var text string
	if err := s.hashes.run(ctx, false, func() { text = hashPassword(password).String() }); err != nil {
		return User{}, fmt.Errorf("create user %s: %w", u.Email, err)
	}
	return s.createUser(ctx, u, text)
}

// createUser makes a user with the digest of a password, or with none. Of two who make the same user at once, in this process or another, only one does,
// and it is their password. It is stored first, so that there is no user who lacks it, and once more when the user is there: whoever lost meanwhile has
// overwritten it before that, or does so never, since they found no user after they had read the revision that they write behind.
func (s *Service) createUser(ctx context.Context, u User, password string) (User, error) {
	s.creating.Lock()
	defer s.creating.Unlock()
	if err := errors.Join(checkEmail(u.Email), checkText("user's name", u.Name, 0, maxTitle)); err != nil {
		return User{}, err
	}
	u.Hash = tahoe.UserHash(u.Email, u.Super)
	key := keyOf(passwordKeys, u.Hash)
	for written := false; !written; {
		var before string
		revision, err := s.load(ctx, key, &before)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return User{}, fmt.Errorf("create user %s: %w", u.Email, err)
		}
		if err := s.claim(ctx, u); err != nil {
			return User{}, err
		}
		err = s.save(ctx, key, password, revision)
		if err != nil && !errors.Is(err, ErrConflict) {
			return User{}, fmt.Errorf("create user %s: %w", u.Email, err)
		}
		written = err == nil
	}
	deed := audit.Entry{Action: audit.UserCreate, Object: u.Hash.String(), Detail: map[string]string{"email": u.Email, "super": strconv.FormatBool(u.Super)}}
	if err := s.commit(ctx, []audit.Entry{deed}, keyOf(userKeys, u.Hash), u, 0); err != nil {
		if errors.Is(err, ErrConflict) {
			return User{}, fmt.Errorf("user %s: %w", u.Email, ErrExists)
		}
		return User{}, fmt.Errorf("create user %s: %w", u.Email, err)
	}
	if _, err := update(ctx, s, key, func(v *string) ([]audit.Entry, error) { *v = password; return nil, nil }); err != nil {
		return User{}, fmt.Errorf("keep password of user %s: %w", u.Email, err)
	}
	return u, nil
}

// Disable takes all that a user may do from them, or with false gives it back: they cannot sign in, read nothing, and their sessions and
// tokens are worthless at once and for ever. What they are to organisations stays.
func (s *Service) Disable(ctx context.Context, user tahoe.Hash, disabled bool) (User, error) {
	deed := audit.Entry{Action: audit.UserEnable, Object: user.String()}
	if disabled {
		deed.Action = audit.UserDisable
	}
	if err := s.about(ctx, user, &deed); err != nil {
		return User{}, err
	}
	if !disabled {
		if err := s.revokeLeft(ctx, user); err != nil {
			return User{}, fmt.Errorf("enable user: %w", err)
		}
	}
	u, err := update(ctx, s, keyOf(userKeys, user), func(u *User) ([]audit.Entry, error) {
		u.Disabled = disabled
		return []audit.Entry{deed}, nil
	})
	if err == nil && disabled {
		err = s.revokeAll(ctx, user)
	}
	if err != nil {
		return User{}, fmt.Errorf("change user %s: %w", u.Email, err)
	}
	return u, nil
}

// revokeLeft revokes what a user has who is disabled: what a disabling that broke off left, or what was issued while it went on.
func (s *Service) revokeLeft(ctx context.Context, user tahoe.Hash) error {
	u, err := s.User(ctx, user)
	if err != nil || !u.Disabled {
		return err
	}
	left, err := s.Tokens(ctx, user)
	if err != nil || len(left) == 0 {
		return err
	}
	return s.revokeAll(ctx, user)
}

// revokeAll makes all tokens of a user worthless, sessions too.
func (s *Service) revokeAll(ctx context.Context, user tahoe.Hash) error {
	deed := audit.Entry{Action: audit.SignOut, Object: user.String(), Detail: map[string]string{"all": "tokens too"}}
	return s.changeTokens(ctx, user, &deed, func([]Token) ([]Token, error) { return []Token{}, nil })
}

// claim takes the address for u. A claim of the same user's, left by a start that broke off, is as good.
func (s *Service) claim(ctx context.Context, u User) error {
	if _, err := s.holder(ctx, u.Email); err == nil {
		return fmt.Errorf("user %s: %w", u.Email, ErrExists)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	err := s.save(ctx, emailKey(u.Email), u.Hash, 0)
	if errors.Is(err, ErrConflict) {
		var theirs tahoe.Hash
		if _, err = s.load(ctx, emailKey(u.Email), &theirs); err == nil && theirs != u.Hash {
			err = ErrExists
		}
	}
	if err != nil {
		return fmt.Errorf("user %s: %w", u.Email, err)
	}
	return nil
}

func emailKey(email string) string {
	return keyOf(emailKeys, sha256.Sum256([]byte(strings.ToLower(email))))
}

// User finds a user by hash; ErrNotFound if there is none.
func (s *Service) User(ctx context.Context, user tahoe.Hash) (User, error) {
	var u User
	if _, err := s.load(ctx, keyOf(userKeys, user), &u); err != nil {
		return User{}, fmt.Errorf("user %s: %w", user, err)
	}
	return u, nil
}

// FindUser finds a user by e-mail address in any case, or else by the text of the hash; ErrNotFound if there is none.
func (s *Service) FindUser(ctx context.Context, text string) (User, error) {
	if h, err := tahoe.ParseHash(text); err == nil {
		return s.User(ctx, h)
	}
	return s.holder(ctx, text)
}

// holder finds the user of an e-mail address.
func (s *Service) holder(ctx context.Context, email string) (User, error) {
	var h tahoe.Hash
	switch _, err := s.load(ctx, emailKey(email), &h); {
	case errors.Is(err, ErrNotFound): // or made before addresses were claimed
		u, err := s.User(ctx, tahoe.UserHash(email, false))
		if errors.Is(err, ErrNotFound) {
			u, err = s.User(ctx, tahoe.UserHash(email, true))
		}
		return u, err
	case err != nil:
		return User{}, fmt.Errorf("find user: %w", err)
	}
	return s.User(ctx, h)
}

// Users lists all users by e-mail address.
func (s *Service) Users(ctx context.Context) ([]User, error) {
	users, err := list[User](ctx, s.Store, userKeys)
	slices.SortFunc(users, func(a, b User) int { return cmp.Compare(a.Email, b.Email) })
	return users, err
}
