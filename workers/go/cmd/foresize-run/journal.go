//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

const (
	journalSuffix = ".journal"
	frameHeader   = 8
	// Above it no further file of others is taken over.
	maxRecoveredBytes = 1 << 20
	// No file of a spool is longer.
	maxJournalBytes = 64 << 20
)

// journal is a file of the spool: frames of [length][crc32][UsageBatch], both numbers uint32 little-endian, as
// workers/typescript/journal.ts has it. It belongs to the process that its name tells; that of a process that is gone is
// anyone's to take. What was appended survives the process.
type journal struct {
	folder, path string
	file         *os.File
	bytes        int
}

func openJournal(folder string) (*journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, journalName())
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &journal{folder: folder, path: path, file: file}, nil
}

// journalName sorts by age; pid and start time say whose it is.
func journalName() string {
	stat, _ := measure.ReadStat(measure.OwnPid)
	return fmt.Sprintf("%d-%06d-%d-%d-%s%s",
		time.Now().UnixMilli(), 0, measure.OwnPid, stat.StartTicks, randomID()[:8], journalSuffix)
}

func (j *journal) append(events message) error {
	frame := binary.LittleEndian.AppendUint32(make([]byte, 0, frameHeader+len(events)), uint32(len(events)))
	frame = binary.LittleEndian.AppendUint32(frame, crc32.ChecksumIEEE(events))
	j.bytes += frameHeader + len(events)
	_, err := j.file.Write(append(frame, events...))
	return err
}

// recover takes over what processes that are gone have left in the folder; what they left open is lost. The error is of
// the first file that ends in damage.
func (j *journal) recover() (damage error) {
	for _, path := range j.orphans() {
		if j.bytes >= maxRecoveredBytes {
			break
		}
		mine := filepath.Join(j.folder, journalName())
		if os.Rename(path, mine) != nil {
			continue
		}
		batches, err := readJournal(mine)
		if err != nil {
			damage = fmt.Errorf("a file of the spool %w", err)
		}
		if j.takeOver(batches) == nil {
			_ = os.Remove(mine)
		}
	}
	return damage
}

func (j *journal) takeOver(batches []message) error {
	open := map[string]bool{}
	for _, events := range batches {
		if err := j.append(events); err != nil {
			return err
		}
		started, ended := executionsOf(events)
		for _, id := range started {
			open[id] = true
		}
		for _, id := range ended {
			delete(open, id)
		}
	}
	for id := range open {
		if err := j.append(batch{end: encodeEnd(id, result{outcome: lost})}.encode()); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) orphans() (paths []string) {
	entries, _ := os.ReadDir(j.folder)
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, journalSuffix) && !isOwnerAlive(name) {
			paths = append(paths, filepath.Join(j.folder, name))
		}
	}
	return paths
}

func isOwnerAlive(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) < 4 {
		return false
	}
	pid, err := strconv.Atoi(parts[2])
	if err != nil {
		return false
	}
	stat, found := measure.ReadStat(pid)
	return found && !stat.IsZombie && strconv.FormatUint(stat.StartTicks, 10) == parts[3]
}

// others are the batches taken over, without those of one's own execution.
func (j *journal) others(executionID string) []message {
	batches, _ := readJournal(j.path)
	return slices.DeleteFunc(batches, func(events message) bool {
		started, ended := executionsOf(events)
		return slices.Contains(started, executionID) || slices.Contains(ended, executionID)
	})
}

// remove forgets all: it is stored elsewhere, or never was.
func (j *journal) remove() {
	_ = j.file.Close()
	_ = os.Remove(j.path)
}

// readJournal gives the frames up to the first that is not whole, which is an error.
func readJournal(path string) (batches []message, err error) {
	about, err := os.Stat(path)
	if err == nil && about.Size() > maxJournalBytes {
		return nil, fmt.Errorf("has %d bytes", about.Size())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for len(content) > 0 {
		if len(content) < frameHeader {
			return batches, errDamage
		}
		length := int(binary.LittleEndian.Uint32(content))
		checksum := binary.LittleEndian.Uint32(content[4:])
		if length > len(content)-frameHeader {
			return batches, errDamage
		}
		payload := content[frameHeader : frameHeader+length]
		if crc32.ChecksumIEEE(payload) != checksum {
			return batches, errDamage
		}
		batches = append(batches, payload)
		content = content[frameHeader+length:]
	}
	return batches, nil
}

var errDamage = fmt.Errorf("ends in damage")
