package main

import (
	"context"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/web"
)

// rights tells reportd which organisations a user may read, at the moment a query runs.
func (p *platform) rights(ctx context.Context, user string) ([]tdql.Org, error) {
	hash, err := tahoe.ParseHash(user)
	if err != nil {
		return nil, err
	}
	return web.Rights(ctx, p.users, hash)
}
