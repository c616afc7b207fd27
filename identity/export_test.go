package identity

import "context"

// CreateUserDigest is CreateUserWith for whom the digest of the password is made already.
func (s *Service) CreateUserDigest(ctx context.Context, u User, digest string) (User, error) {
	return s.createUser(ctx, u, digest)
}

// TakeTurns takes all turns of hashing for users at new addresses, until the function that it returns is called.
func (s *Service) TakeTurns() (release func()) {
	for range cap(s.hashes.others) {
		s.hashes.others <- struct{}{}
	}
	return func() {
		for range cap(s.hashes.others) {
			<-s.hashes.others
		}
	}
}

// SameCost tells whether somebody without a password costs what a new password does.
func SameCost() bool {
	fresh := hashPassword("x")
	return nobody.cost == fresh.cost && len(nobody.salt) == len(fresh.salt) && len(nobody.sum) == len(fresh.sum)
}
