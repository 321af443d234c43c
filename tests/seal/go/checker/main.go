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
	"strings"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var blockHead = regexp.MustCompile(`\Aauditlog/block@v1\n(topic \S+ \S+\npartition \d+\n)offsets (\d+) (\d+)\ntimes (\d+) (\d+)\n\n`)

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
	event, block, place := bundle["event.json"], bundle["block.bin"], string(bundle["place.txt"])
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
	return place, checkSlot(event, block, place, tp.ExtraData)
}

func checkSlot(event, block []byte, place string, extra []byte) error {
	head := blockHead.FindSubmatch(block)
	if head == nil {
		return errors.New("this entry is no block")
	}
	slots := block[len(head[0]):]
	first, end := number(head[2]), number(head[3])
	if uint64(len(slots)) != (end-first)*sha256.Size {
		return errors.New("the block has another length than it says")
	}
	offset, found := strings.CutPrefix(place, string(head[1])+"offset ")
	at, err := strconv.ParseUint(strings.TrimSuffix(offset, "\n"), 10, 63)
	if !found || err != nil || at < first || at >= end {
		return errors.New("the block is of another place")
	}
	if len(extra) != 25 || extra[0] < 1 || extra[0] > 3 {
		return errors.New("the extra data is no kind, time and salt")
	}
	if time := binary.BigEndian.Uint64(extra[1:9]); time < number(head[4]) || time > number(head[5]) {
		return errors.New("the time is outside the block's")
	}
	slot := sha256.Sum256(bytes.Join([][]byte{extra[9:], extra[:9], event}, nil))
	if start := (at - first) * sha256.Size; !bytes.Equal(slot[:], slots[start:start+sha256.Size]) {
		return errors.New("the event is not what was sealed")
	}
	return nil
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
