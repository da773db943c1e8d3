//go:build wasip1

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// memoryLimit makes the collector work harder before the 4 GiB that a 32-bit
// module can address run out, as the Go runtime would then stop the server.
const memoryLimit = 3 << 30

// address is the form in which addresses cross to the host.
type address [18]byte

//go:wasmimport prov_net sock_addr
//go:noescape
func sock_addr(fd, peer int32, addr *address) uint32

//go:wasmimport prov_net sock_connect
//go:noescape
func sock_connect(addr *address, fd *int32) uint32

//go:wasmimport prov_net sock_error
func sock_error(fd int32) uint32

//go:wasmimport prov_net sock_resolve
//go:noescape
func sock_resolve(name string, ip *[16]byte) uint32

// addresses asks the host for both ends of c. A peer that has left already has
// no address; the server finds that out by itself at its first read.
func addresses(c net.Conn) (local, remote net.Addr) {
	var ends [2]address
	if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			for peer := range ends {
				if sock_addr(int32(fd), int32(peer), &ends[peer]) != 0 {
					ends[peer] = address{}
				}
			}
		})
	}
	return ends[0].tcp(), ends[1].tcp()
}

func (a *address) tcp() *net.TCPAddr {
	ip := netip.AddrFrom16([16]byte(a[:16])).Unmap()
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(a[16:])))
}

// dial opens a connection through the host, for leaf node remotes.
func dial(network, target string, timeout time.Duration) (net.Conn, error) {
	c, err := connect(target, time.Now().Add(timeout))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c, nil
}

func connect(target string, deadline time.Time) (net.Conn, error) {
	host, service, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort("tcp", service)
	if err != nil {
		return nil, err
	}
	ip, err := resolve(host)
	if err != nil {
		return nil, err
	}
	var to address
	copy(to[:], ip.AsSlice())
	binary.BigEndian.PutUint16(to[16:], uint16(port))
	var fd int32
	if errno := syscall.Errno(sock_connect(&to, &fd)); errno != 0 {
		return nil, os.NewSyscallError("connect", errno)
	}
	file := os.NewFile(uintptr(fd), target)
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	if err := connected(c.(*net.TCPConn), deadline); err != nil {
		c.Close()
		return nil, err
	}
	return newConn(c), nil
}

// connected waits for the connection that was started on c: when it is made or
// has failed the socket becomes writable, and SO_ERROR tells which.
func connected(c *net.TCPConn, deadline time.Time) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	c.SetWriteDeadline(deadline)
	defer c.SetWriteDeadline(time.Time{})
	waited := false
	var failure error
	err = raw.Write(func(fd uintptr) bool {
		if !waited {
			waited = true
			return false
		}
		if errno := syscall.Errno(sock_error(int32(fd))); errno != 0 {
			failure = os.NewSyscallError("connect", errno)
		}
		return true
	})
	return errors.Join(err, failure)
}

// resolve gives the 16-byte form of an address or of a name that the host knows.
func resolve(host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return netip.AddrFrom16(ip.As16()), nil
	}
	var ip [16]byte
	if errno := syscall.Errno(sock_resolve(host, &ip)); errno != 0 {
		return netip.Addr{}, &net.DNSError{Err: errno.Error(), Name: host, IsNotFound: errno == syscall.ENOENT}
	}
	return netip.AddrFrom16(ip), nil
}

// resolver looks names up through the host.
type resolver struct{}

func (resolver) LookupHost(_ context.Context, host string) ([]string, error) {
	ip, err := resolve(host)
	if err != nil {
		return nil, err
	}
	return []string{ip.Unmap().String()}, nil
}
