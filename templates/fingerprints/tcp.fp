; Stacks by their SYN and SYN-ACK, in the file format of p0f version 3:
;
;   label = s|g:class:name:flavor      s specific, g of several kinds; class ! is a program that writes its own packets
;   sig   = version:ttl:option length:mss:window,scale:options:quirks:payload
;
; A line that begins with ;@ says where the signatures below it come from: a capture of fixtures/captures, or
; "defaults" for values that a system is documented to have and that nobody has confirmed on a capture yet.

classes = win,unix,other

[mtu]

label = ethernet
sig   = 1500

label = pppoe
sig   = 1492
sig   = 1488
sig   = 1454

label = ipip
sig   = 1480

label = gre
sig   = 1476

label = vxlan
sig   = 1450

label = tunnel
sig   = 1440
sig   = 1438
sig   = 1432
sig   = 1428
sig   = 1412

label = wireguard
sig   = 1420

label = vpn
sig   = 1400
sig   = 1380
sig   = 1360
sig   = 1300

label = ipv6-minimum
sig   = 1280

label = dial-up
sig   = 576
sig   = 1006
sig   = 256

label = fddi
sig   = 4470

label = jumbo
sig   = 9000
sig   = 9001
sig   = 9216
sig   = 8996

label = loopback
sig   = 65535
sig   = 65536
sig   = 16384
sig   = 16436

[tcp:request]

;@ {"source": "captures linux, linux-v6, linux-ecn", "date": "2026-11-30", "confirmations": 15}
label = s:unix:Linux:6.18, large receive buffers
sig   = 4:64:0:*:mss*44,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,10:mss,sok,ts,nop,ws:flow:0
; The same with other links: the window is the largest multiple of the MSS that fits.
sig   = *:64:0:8960:mss*7,10:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = 4:64:0:1452:mss*45,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1380:mss*47,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1360:mss*48,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1240:mss*52,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:536:mss*122,10:mss,sok,ts,nop,ws:df,id+:0

;@ {"source": "capture of Linux 6.18 with tcp_rmem of 6 MB, its default before", "date": "2026-11-30", "confirmations": 1}
label = s:unix:Linux:4.x to 6.x
sig   = 4:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,7:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:mss*44,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:8960:mss*7,7:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = 4:64:0:1452:mss*45,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1380:mss*47,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1360:mss*48,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 4:64:0:1240:mss*52,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*29,7:mss,sok,ts,nop,ws:df,id+,flow:0

;@ {"source": "captures linux-plain, linux-bare", "date": "2026-11-30", "confirmations": 10}
label = s:unix:Linux:without timestamps
sig   = *:64:0:*:mss*44,10:mss,nop,nop,sok,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*44,7:mss,nop,nop,sok,nop,ws:df,id+,flow:0
sig   = 6:64:0:*:mss*45,10:mss,nop,nop,sok,nop,ws:flow:0
sig   = 6:64:0:*:mss*45,7:mss,nop,nop,sok,nop,ws:flow:0

label = s:unix:Linux:without TCP extensions
sig   = *:64:0:*:mss*44,0:mss:df,id+,flow:0

;@ {"source": "defaults"}
label = s:unix:Linux:3.x
sig   = *:64:0:*:mss*20,7:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*10,4:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*10,3:mss,sok,ts,nop,ws:df,id+,flow:0

label = s:unix:Linux:2.6
sig   = *:64:0:*:mss*4,7:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*4,6:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*4,5:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:mss*4,2:mss,sok,ts,nop,ws:df,id+,flow:0

label = s:unix:Linux:Android
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df,id+,flow:0

;@ {"source": "captures linux, linux-v6", "date": "2026-11-30", "confirmations": 10}
label = g:unix:Linux:
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+,flow:0
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+,flow:0

;@ {"source": "defaults"}
label = s:win:Windows:10, 11 or Server 2016 and newer
sig   = 4:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:flow:0

label = s:win:Windows:7, 8 or Server 2008 to 2012
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:flow:0

label = s:win:Windows:XP or Server 2003
sig   = 4:128:0:*:65535,0:mss,nop,nop,sok:df,id+:0
sig   = 4:128:0:*:mss*44,0:mss,nop,nop,sok:df,id+:0

label = g:win:Windows:
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:*,0:mss,nop,nop,sok:df,id+:0

label = s:unix:macOS:or iOS
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0

label = s:unix:macOS:before 10.14
sig   = 4:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 4:64:0:*:65535,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 4:64:0:*:65535,3:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0

label = s:unix:FreeBSD:9.x to 14.x
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,sok,ts:flow:0
sig   = 4:64:0:*:65535,6:mss,nop,ws,sok,ts:df:0

label = s:unix:FreeBSD:7.x or 8.x
sig   = *:64:0:*:65535,3:mss,nop,ws,sok,ts:df,id+:0

label = s:unix:OpenBSD:6.x or 7.x
sig   = *:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0

label = s:unix:OpenBSD:5.x
sig   = *:64:0:*:16384,3:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0

label = s:unix:NetBSD:
sig   = *:64:0:*:32768,3:mss,nop,ws,sok,nop,nop,nop,nop,ts:df,id+:0
sig   = *:64:0:*:32768,3:mss,nop,ws,sok,nop,nop,nop,nop,ts:df:0

label = s:unix:Solaris:10
sig   = *:64:0:*:mss*34,0:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:other:lwIP:
sig   = *:255:0:*:mss*4,0:mss::0
sig   = *:255:0:*:mss*4,0:mss:id-:0

label = s:other:uIP:
sig   = *:64:0:*:mss*1,0:mss::0

label = s:other:Cisco:IOS
sig   = 4:255:0:*:4128,0:mss::0

; Programs that write their own packets.

;@ {"source": "captures nmap-syn, nmap-syn-v6, nmap-os", "date": "2026-11-30", "confirmations": 26}
label = s:!:nmap:half-open scan
sys   = @unix,@win
sig   = 4:64-:0:1460:1024,0:mss::0
sig   = 6:255:0:1460:1024,0:mss::0

label = s:!:nmap:operating system probe
sys   = @unix,@win
sig   = 4:64-:0:1460:1,10:ws,nop,mss,ts,sok:ack+:0
sig   = 4:64-:0:1400:63,0:mss,ws,sok,ts,eol+0:ack+:0
sig   = 4:64-:0:640:4,5:ts,nop,nop,ws,nop,mss:ack+:0
sig   = 4:64-:0:0:4,10:sok,ts,ws,eol+0:ack+:0
sig   = 4:64-:0:536:16,10:mss,sok,ts,ws,eol+0:ack+:0
sig   = 4:64-:0:265:512,0:mss,sok,ts:ack+:0
sig   = 4:64-:0:1460:3,10:ws,nop,mss,sok,nop,nop:ecn,0+,uptr+:0
sig   = 4:64-:0:265:256,10:ws,nop,mss,ts,sok:ack+,urgf+,pushf+:0
sig   = 4:64-:0:265:31337,10:ws,nop,mss,ts,sok:ack+:0

;@ {"source": "captures masscan, masscan-v6", "date": "2026-11-30", "confirmations": 19}
label = s:!:masscan:
sys   = @unix,@win
sig   = *:255:0:0:1024,0:::0

;@ {"source": "capture zmap-2.1", "date": "2026-11-30", "confirmations": 8}
label = s:!:ZMap:before 4.0
sys   = @unix
sig   = 4:255:0:0:65535,0:::0

;@ {"source": "defaults"}
label = s:!:ZMap:
sys   = @unix
sig   = 4:255:0:1460:65535,0:mss::0
sig   = 4:255:0:1460:65535,7:mss,sok,ts,nop,ws::0
sig   = 4:255:0:1460:65535,8:mss,nop,ws,nop,nop,sok::0

;@ {"source": "captures hping, hping-id, hping-data", "date": "2026-11-30", "confirmations": 22}
label = s:!:hping:3
sys   = @unix
sig   = 4:64:0:0:512,0::ack+:*

;@ {"source": "captures scapy, scapy-v6", "date": "2026-11-30", "confirmations": 10}
label = s:!:scapy:
sys   = @unix,@win
sig   = *:64:0:0:8192,0::seq-:0

[tcp:response]

;@ {"source": "captures linux, linux-v6, linux-ecn, linux-plain, linux-bare", "date": "2026-11-30", "confirmations": 25}
label = s:unix:Linux:4.x and newer
sig   = 4:64:0:*:mss*45,*:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:mss*45,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,*:mss,nop,nop,sok,nop,ws:df,flow:0
sig   = *:64:0:*:mss*44,0:mss:df,flow:0
sig   = 6:64:0:*:mss*45,0:mss:flow:0
sig   = 6:64:0:*:mss*45,*:mss,nop,nop,sok,nop,ws:flow:0

;@ {"source": "defaults"}
label = s:unix:Linux:3.x
sig   = *:64:0:*:mss*20,*:mss,sok,ts,nop,ws:df,flow:0
sig   = *:64:0:*:mss*10,*:mss,sok,ts,nop,ws:df,flow:0

label = s:unix:Linux:2.6
sig   = *:64:0:*:mss*4,*:mss,sok,ts,nop,ws:df,flow:0

;@ {"source": "captures linux, linux-v6", "date": "2026-11-30", "confirmations": 10}
label = g:unix:Linux:
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,flow:0
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df,flow:0

;@ {"source": "defaults"}
label = s:win:Windows:10, 11 or Server 2016 and newer
sig   = *:128:0:*:65535,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,0:mss:df,id+:0

label = s:win:Windows:7, 8 or Server 2008 to 2012
sig   = *:128:0:*:8192,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:8192,0:mss:df,id+:0

label = g:win:Windows:
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:unix:macOS:or iOS
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0

label = s:unix:FreeBSD:9.x to 14.x
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df:0

label = s:unix:OpenBSD:6.x or 7.x
sig   = *:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0

label = s:other:lwIP:
sig   = *:255:0:*:mss*4,0:mss::0

label = s:other:Cisco:IOS
sig   = 4:255:0:*:4128,0:mss::0
