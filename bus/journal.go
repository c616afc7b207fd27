package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Journal keeps records, in order, which nobody can change or remove through the bus: they go when they are old. Each has a topic,
// one or more words of letters, digits, - and _ with dots between, by which some are read without the others.
type Journal struct{ stream *Stream }

// Journal creates the journal, or brings an existing one to keep, which is how old records get; 0 keeps them.
func (b *Bus) Journal(ctx context.Context, name string, keep time.Duration) (*Journal, error) {
	s, err := b.Stream(ctx, StreamConfig{Name: name, Subjects: []string{name + ".>"}, MaxAge: keep, sealed: true})
	if err != nil {
		return nil, err
	}
	return &Journal{s}, nil
}

// Append adds a record after the one of number after, or as the first after 0, and returns when it is on disk. It tells false, and adds
// nothing, if that is not the newest: somebody else was faster.
func (j *Journal) Append(ctx context.Context, topic string, after uint64, record []byte) (bool, error) {
	_, err := j.stream.publish(ctx, j.subject(topic), nil, record, jetstream.WithExpectLastSequence(after))
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// Last gives the number and the text of the newest record; 0 if there never was one. The text is nil when that is gone.
func (j *Journal) Last(ctx context.Context) (uint64, []byte, error) {
	state, err := j.stream.State(ctx)
	if err != nil || state.Last == 0 {
		return 0, nil, err
	}
	m, err := j.stream.Get(ctx, state.Last)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return state.Last, m.Data, err
}

// Topics lists the topics of the records that there are.
func (j *Journal) Topics(ctx context.Context) ([]string, error) {
	subjects, err := j.stream.Subjects(ctx, j.subject(">"))
	topics := make([]string, 0, len(subjects))
	for s := range subjects {
		topics = append(topics, strings.TrimPrefix(s, j.subject("")))
	}
	return topics, err
}

// Range gives the first n records of some topics, or of all if none are named, that come after a number, or with 0 that are not older
// than since.
func (j *Journal) Range(ctx context.Context, topics []string, after uint64, since time.Time, n int) ([][]byte, error) {
	config := following(j.subject(">"), after)
	if len(topics) > 0 {
		config.FilterSubjects = make([]string, len(topics))
	}
	for i, topic := range topics {
		config.FilterSubjects[i] = j.subject(topic)
	}
	if after == 0 && !since.IsZero() {
		config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &since
	}
	messages, err := j.stream.some(ctx, config, n)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.stream.name, fault(err))
	}
	records := make([][]byte, len(messages))
	for i, m := range messages {
		records[i] = m.Data
	}
	return records, nil
}

func (j *Journal) subject(topic string) string { return j.stream.name + "." + topic }
