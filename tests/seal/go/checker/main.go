// Checks bundles with public libraries alone: no code of the product, and none of its authors' trees,
// notes or proofs. Its arguments are a policy and a log's key; it reads names of bundles, a line each,
// and answers each with a line: "accepted PLACE" or "refused REASON".
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var blockHead = regexp.MustCompile(`\Aauditlog/block@v1\ntopic (\S+) (\S+)\npartition (\d+)\noffsets (\d+) (\d+)\ntimes (\d+) (\d+)\n\n`)

type checker struct {
	logKey note.Verifier
	quorum witness.Group
}

func main() {
	policy, err := os.ReadFile(os.Args[1])
	if err != nil {
		fatal(err)
	}
	var c checker
	if c.quorum, err = witness.ParsePolicy(policy); err != nil {
		fatal(err)
	}
	if c.logKey, err = note.NewVerifier(os.Args[2]); err != nil {
		fatal(err)
	}
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		place, err := c.check(names.Text())
		if err != nil {
			fmt.Printf("refused %q\n", err)
		} else {
			fmt.Printf("accepted %s\n", place)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

func (c checker) check(name string) (string, error) {
	bundle, err := read(name)
	if err != nil {
		return "", err
	}
	event, block := bundle["event.json"], bundle["block.bin"]
	var tp proof.TLogProof
	if err := tp.Unmarshal(bundle["block.tlog-proof"]); err != nil {
		return "", err
	}
	checkpoint, _, _, err := log.ParseCheckpoint(tp.Checkpoint, c.logKey.Name(), c.logKey)
	if err != nil {
		return "", err
	}
	if !c.quorum.Satisfied(tp.Checkpoint) {
		return "", errors.New("witnesses are missing")
	}
	hashes := make(tlog.RecordProof, len(tp.Hashes))
	for i, hash := range tp.Hashes {
		hashes[i] = tlog.Hash(hash)
	}
	root, leaf := tlog.Hash(checkpoint.Hash), tlog.RecordHash(block)
	if err := tlog.CheckRecord(hashes, int64(checkpoint.Size), root, int64(tp.Index), leaf); err != nil {
		return "", err
	}
	return findSlot(event, block, tp.ExtraData)
}

// findSlot returns the place of the one slot in the block that hides the event.
func findSlot(event, block, extra []byte) (string, error) {
	head := blockHead.FindSubmatch(block)
	if head == nil {
		return "", errors.New("this entry is no block")
	}
	slots := block[len(head[0]):]
	first, end := number(head[4]), number(head[5])
	if end <= first || uint64(len(slots)) != (end-first)*sha256.Size {
		return "", errors.New("the block has another length than it says")
	}
	if len(extra) != 25 || extra[0] < 1 || extra[0] > 3 {
		return "", errors.New("the extra data is no kind, time and salt")
	}
	if time := binary.BigEndian.Uint64(extra[1:9]); time < number(head[6]) || time > number(head[7]) {
		return "", errors.New("the time is outside the block's")
	}
	slot := sha256.Sum256(bytes.Join([][]byte{extra[9:], extra[:9], event}, nil))
	var places []string
	for at := 0; at < len(slots); at += sha256.Size {
		if bytes.Equal(slot[:], slots[at:at+sha256.Size]) {
			offset := first + uint64(at/sha256.Size)
			places = append(places, fmt.Sprintf("%s %s %s %d", head[1], head[2], head[3], offset))
		}
	}
	if len(places) != 1 {
		return "", errors.New("the event is not what was sealed")
	}
	return places[0], nil
}

func number(digits []byte) uint64 {
	value, _ := strconv.ParseUint(string(digits), 10, 63)
	return value
}

func read(name string) (map[string][]byte, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	files := map[string][]byte{}
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(reader, 10<<20))
		if err != nil {
			return nil, err
		}
		if _, twice := files[file.Name]; twice {
			return nil, errors.New("a file is there twice")
		}
		files[file.Name] = data
	}
	return files, nil
}
