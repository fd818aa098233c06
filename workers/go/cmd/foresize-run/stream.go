//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

const (
	// Events are gathered for so long before they are sent.
	batchInterval = 100 * time.Millisecond
	// A server that acknowledges nothing for so long is left.
	acknowledgeWithin = 30 * time.Second
	// Waits between two connections, doubled from the first to the longest, jittered by half.
	reconnectMin, reconnectMax = 100 * time.Millisecond, 10 * time.Second
)

// connect keeps the session over any number of connections, until all is stored or the report is stopped.
func (r *report) connect() {
	if r.journal != nil {
		r.mu.Lock()
		if damage := r.journal.recover(); damage != nil {
			r.otherRefusal = damage.Error()
		}
		r.others = r.journal.others(r.start.executionID)
		r.mu.Unlock()
	}
	channel, err := openChannel(r.options.profiler, r.options.security)
	if err != nil {
		r.mu.Lock()
		r.connection = "!" + err.Error()
		r.mu.Unlock()
		close(r.givenUp)
		return
	}
	defer channel.close()
	for wait := reconnectMin; ; wait = min(2*wait, reconnectMax) {
		wasUseful, err := r.serve(channel)
		if err == nil {
			close(r.stored)
			return
		}
		if r.ctx.Err() != nil {
			return
		}
		if wasUseful {
			wait = reconnectMin
		}
		if !r.noteDisconnect(err, wasUseful) {
			close(r.givenUp)
			return
		}
		select {
		case <-time.After(time.Duration(float64(wait) * (0.5 + rand.Float64()/2))):
		case <-r.ctx.Done():
			return
		}
	}
}

// noteDisconnect is false once the command has ended and another connection is not worth the wait.
func (r *report) noteDisconnect(err error, wasUseful bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if wasUseful {
		r.disconnects = 0
	}
	r.disconnects++
	r.connection = err.Error()
	return r.end == nil || r.disconnects <= maxDisconnects
}

var errForgotten = errors.New("the server does not know the session any more")

// serve lives as long as one stream: nil once all is stored. It was useful where the server has told us how far it is.
func (r *report) serve(channel *channel) (wasUseful bool, err error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	body, requests := io.Pipe()
	defer requests.Close()
	watchdog := time.AfterFunc(acknowledgeWithin, cancel)
	defer watchdog.Stop()
	r.mu.Lock()
	open := framed(encodeOpen(r.sessionID))
	if r.pending != nil {
		r.pending.isWritten = false
	}
	r.mu.Unlock()
	go func() { _, _ = requests.Write(open) }()
	answers, err := channel.call(ctx, "/foresize.v1.ProfilerService/StreamUsage", body)
	if err != nil {
		return false, err
	}
	defer answers.close()

	received := make(chan response)
	failed := make(chan error, 1)
	go func() { failed <- receiveAll(ctx, answers, received) }()
	isOpen := false
	since := time.Now()
	timer := time.NewTimer(batchInterval)
	defer timer.Stop()
	for {
		if isOpen {
			events, isAllStored := r.next(time.Since(since) >= batchInterval)
			if isAllStored {
				return true, nil
			}
			if events != nil {
				watchdog.Reset(acknowledgeWithin)
				if _, err := requests.Write(framed(events)); err != nil {
					return wasUseful, <-failed
				}
				since = time.Now()
			}
		}
		select {
		case response := <-received:
			isOpen = isOpen || response.isOpened
			if response.isOpened || response.isAcknowledged {
				wasUseful = wasUseful || response.isAcknowledged
				if err := r.acknowledged(response.durable, response.isOpened); err != nil {
					// The server is there, and is told anew.
					return true, err
				}
				watchdog.Stop()
			}
			r.heed(response)
		case err := <-failed:
			var status *statusError
			if errors.As(err, &status) && status.code == codeOutOfOrder {
				r.restart()
			}
			return wasUseful, err
		case <-r.wake:
		case <-timer.C:
			timer.Reset(batchInterval)
		}
	}
}

func receiveAll(ctx context.Context, answers *answers, received chan<- response) error {
	for {
		encoded, err := answers.next()
		if err != nil {
			return err
		}
		response, ok := decodeResponse(encoded)
		if !ok {
			return errors.New("the server sent what is no message of ours")
		}
		select {
		case received <- response:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
