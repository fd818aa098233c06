package foresize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

var (
	errSessionForgotten = errors.New("the server does not know the session any more")
	errClosed           = errors.New("the worker is closed")
	errStreamEnded      = errors.New("the server ended the stream")
)

// session keeps one resumable StreamUsage session over any number of connections.
type session struct {
	client  foresizev1.ProfilerServiceClient
	options Options

	onRejection func(*foresizev1.EventRejection)
	onDirective func(*foresizev1.SamplingDirective)
	// isRenewal: as the server renews connections, nothing is wrong yet.
	onDisconnect func(err error, isRenewal bool)

	// Guards the spool and all below.
	mu    sync.Mutex
	spool *spool
	id    string
	// Since when events wait; zero where none do.
	waitingSince time.Time
	flushing     int
	failures     int
	window       int
	// Closed and replaced when the spool becomes empty.
	emptied chan struct{}

	// Holds one token: there is something to do.
	work chan struct{}
	// Asks the stream to end once all that was written is acknowledged.
	closing   chan struct{}
	closeOnce sync.Once
	done      chan struct{}
}

func newSession(client foresizev1.ProfilerServiceClient, options Options) *session {
	return &session{
		client:  client,
		options: options,
		spool:   newSpool(options.MaxSamples, options.MaxExecutions, options.MaxBatchBytes),
		id:      uuid.NewString(),
		window:  options.MaxUnacknowledgedBatches,
		emptied: make(chan struct{}),
		work:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// wake is called with the lock held, when an event was added.
func (s *session) wake() {
	if s.waitingSince.IsZero() {
		s.waitingSince = time.Now()
	}
	s.notify()
}

func (s *session) notify() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// flush returns nil once all that was taken is stored.
func (s *session) flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing++
	defer func() { s.flushing-- }()
	for !s.spool.isEmpty() {
		s.notify()
		emptied := s.emptied
		s.mu.Unlock()
		select {
		case <-emptied:
		case <-ctx.Done():
		case <-s.done:
		}
		s.mu.Lock()
		if s.spool.isEmpty() {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d executions are not stored yet: %w", len(s.spool.known), ctx.Err())
		}
		select {
		case <-s.done:
			return errClosed
		default:
		}
	}
	return nil
}

// run lives until ctx ends, or until closing, when the stream may end in order.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	for {
		if !s.awaitWork(ctx) {
			return
		}
		wasOpened, err := s.serve(ctx)
		if s.isClosing() || ctx.Err() != nil {
			return
		}
		if status.Code(err) == codes.FailedPrecondition {
			s.startAnew()
		}
		s.mu.Lock()
		// What comes of it shows next: a stream that cannot be opened, or that acknowledges nothing, is no renewal.
		isRenewal := wasOpened && s.failures == 0 && status.Code(err) == codes.Unavailable
		wait := min(s.options.ReconnectMax, s.options.ReconnectMin<<min(s.failures, 20))
		s.failures++
		s.mu.Unlock()
		s.onDisconnect(err, isRenewal)
		wait = time.Duration(float64(wait) * (0.5 + rand.Float64()/2))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		case <-s.closing:
			return
		}
	}
}

func (s *session) awaitWork(ctx context.Context) bool {
	for {
		s.mu.Lock()
		isEmpty := s.spool.isEmpty()
		s.mu.Unlock()
		if !isEmpty {
			return true
		}
		select {
		case <-s.work:
		case <-ctx.Done():
			return false
		case <-s.closing:
			return false
		}
	}
}

func (s *session) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// isOver is true once nothing is sent any more.
func (s *session) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return s.isClosing()
	}
}

func (s *session) startAnew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id = uuid.NewString()
	s.spool.restart()
}

// connection is one stream of the session. opened and written are guarded by the session's lock.
type connection struct {
	stream   foresizev1.ProfilerService_StreamUsageClient
	opened   bool
	written  uint32
	watchdog *time.Timer
	ended    chan error
}

// serve lives as long as one stream, and says whether it was ever open.
func (s *session) serve(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancelCause(withToken(ctx, s.options.Token))
	defer cancel(nil)
	silent := fmt.Errorf("no acknowledgement for %v", s.options.AcknowledgeTimeout)
	c := &connection{ended: make(chan error, 1)}
	// A send that the connection has no room for blocks: only the end of its context frees it.
	c.watchdog = time.AfterFunc(s.options.AcknowledgeTimeout, func() { cancel(silent) })
	defer c.watchdog.Stop()

	stream, err := s.client.StreamUsage(ctx)
	if err != nil {
		return false, causeOf(ctx, err)
	}
	c.stream = stream
	s.mu.Lock()
	open := &foresizev1.OpenSession{SessionId: s.id, Client: s.options.Client}
	s.mu.Unlock()
	if err := stream.Send(&foresizev1.StreamUsageRequest{
		Message: &foresizev1.StreamUsageRequest_Open{Open: open},
	}); err != nil {
		_, err = stream.Recv()
		return false, causeOf(ctx, err)
	}
	go func() { c.ended <- s.receiveAll(c) }()
	err = s.sendAll(ctx, c)
	if err == nil {
		err = <-c.ended
	}
	if errors.Is(err, errSessionForgotten) {
		s.startAnew()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.opened, causeOf(ctx, err)
}

func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && cause != context.Canceled {
		return cause
	}
	return err
}

// sendAll returns nil once the stream is half-closed, or an error of the stream.
func (s *session) sendAll(ctx context.Context, c *connection) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		batch, wait := s.next(c)
		if batch != nil {
			err := c.stream.Send(&foresizev1.StreamUsageRequest{
				Message: &foresizev1.StreamUsageRequest_Batch{Batch: batch},
			})
			if err != nil {
				// io.EOF: what went wrong is what Recv says.
				return <-c.ended
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-s.work:
		case <-timer.C:
		case err := <-c.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			_ = c.stream.CloseSend()
			return nil
		}
	}
}

// next is the next batch to write, or how long to wait for one.
func (s *session) next(c *connection) (*foresizev1.UsageBatch, time.Duration) {
	const long = time.Hour
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.opened {
		return nil, long
	}
	for _, batch := range s.spool.unacknowledged {
		if batch.Sequence > c.written {
			return s.write(c, batch), 0
		}
	}
	if len(s.spool.order) == 0 || len(s.spool.unacknowledged) >= s.window {
		return nil, long
	}
	if wait := s.options.BatchInterval - time.Since(s.waitingSince); wait > 0 && s.flushing == 0 {
		return nil, wait
	}
	batch := s.spool.nextBatch()
	if len(s.spool.order) == 0 {
		s.waitingSince = time.Time{}
	}
	if batch == nil {
		return nil, long
	}
	return s.write(c, batch), 0
}

func (s *session) write(c *connection, batch *foresizev1.UsageBatch) *foresizev1.UsageBatch {
	c.written = batch.Sequence
	if len(s.spool.unacknowledged) == 1 {
		c.watchdog.Reset(s.options.AcknowledgeTimeout)
	}
	return batch
}

func (s *session) receiveAll(c *connection) error {
	for {
		response, err := c.stream.Recv()
		if err != nil {
			if status.Code(err) == codes.OK || err.Error() == "EOF" {
				return errStreamEnded
			}
			return err
		}
		switch message := response.Message.(type) {
		case *foresizev1.StreamUsageResponse_Rejection:
			s.onRejection(message.Rejection)
		case *foresizev1.StreamUsageResponse_Sampling:
			s.onDirective(message.Sampling)
		case *foresizev1.StreamUsageResponse_Opened:
			if !s.opened(c, message.Opened) {
				return errSessionForgotten
			}
		case *foresizev1.StreamUsageResponse_Acknowledgement:
			if !s.acknowledged(c, message.Acknowledgement.DurableSequence) {
				return errSessionForgotten
			}
		}
	}
}

func (s *session) opened(c *connection, opened *foresizev1.SessionOpened) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spool.maxOpen = cmp.Or(int(opened.MaxOpenExecutions), defaultMaxOpen)
	if !s.acknowledge(c, opened.DurableSequence) {
		return false
	}
	s.window = s.options.MaxUnacknowledgedBatches
	if asked := int(opened.MaxUnacknowledgedBatches); asked > 0 {
		s.window = min(s.window, asked)
	}
	c.written = opened.DurableSequence
	c.opened = true
	if s.spool.isEmpty() {
		s.failures = 0
	}
	return true
}

func (s *session) acknowledged(c *connection, durableSequence uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = 0
	return s.acknowledge(c, durableSequence)
}

// acknowledge is false where the server's watermark is not ours: it has lost the session, or we have a twin.
func (s *session) acknowledge(c *connection, durableSequence uint32) bool {
	if !s.spool.acknowledge(durableSequence) {
		return false
	}
	if len(s.spool.unacknowledged) == 0 {
		c.watchdog.Stop()
	} else {
		c.watchdog.Reset(s.options.AcknowledgeTimeout)
	}
	if s.spool.isEmpty() {
		close(s.emptied)
		s.emptied = make(chan struct{})
	}
	s.notify()
	return true
}
