package bus

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// ConsumeAfterALoss is Consume of one handler at a time, whose first request for a message never comes to the server.
func (s *Stream) ConsumeAfterALoss(ctx context.Context, c ConsumerConfig, handle Handler) error {
	w, err := s.worker(ctx, c, handle)
	if err != nil {
		return err
	}
	if err := s.js.DeleteConsumer(ctx, c.Name); err != nil {
		return err
	}
	requests, err := s.bus.nc.SubscribeSync(fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", s.name, c.Name))
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.run(gctx) })
	g.Go(func() error {
		if _, err := requests.NextMsgWithContext(gctx); err != nil {
			return err
		}
		if err := requests.Unsubscribe(); err != nil {
			return err
		}
		_, err := s.worker(gctx, c, handle)
		return err
	})
	return g.Wait()
}
