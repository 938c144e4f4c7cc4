//! Guests of one sector each, in machine code, and an image of a CD that boots one.

/// Says `TINYBOOT-READY` on the serial line, echoes what it hears, powers off at the power button or a `q` with
/// `TINYBOOT-OFF`.
pub(crate) const TINY: &str = "\
fa31c08ed88ec08ed0bc007cfbbafb03b080eebaf803b001eebaf90330c0eeba\
fb03b003eeba0206b80001efba0006efb80300cd10be957cac84c0740e50b40e\
bb0700cd1058e83b00ebedba0006edf6c4017519bafd03eca801740dbaf803ec\
3c717409e81d00ebe2fbf4ebdebea67cac84c07405e80c00ebf6ba0406b80020\
eff4ebf65250bafd03eca82074fb58baf803ee5ac354494e59424f4f542d5245\
4144590d0a0054494e59424f4f542d4f46460d0a00";

/// Writes a sector every 64 KiB of the disk that it came from, up to 4 MiB, and says a `.` for each (`!` for one that
/// failed), then `#`:
///
/// ```text
///         cli; xor ax,ax; mov ds,ax; mov ss,ax; mov sp,0x7c00; sti; mov bl,dl
/// write:  mov si,packet; mov dl,bl; mov ax,0x4300; int 0x13
///         mov al,'.'; jnc said; mov al,'!'
/// said:   mov dx,0x3f8; out dx,al; add word [lba],128; cmp word [lba],0x2000; jb write
///         mov al,'#'; out dx,al
/// rest:   hlt; jmp rest
/// packet: db 16,0; dw 1,0x7c00,0
/// lba:    dw 128,0,0,0
/// ```
pub(crate) const WRITER: &str = "\
fa31c08ed88ed0bc007cfb88d3be357c88dab80043cd13b02e7302b021baf803\
ee81063d7c8000813e3d7c002072deb023eef4ebfd10000100007c0000800000\
0000000000";

/// Writes 12 MiB of its memory over and over, so that a slow move never comes to its end:
///
/// ```text
///         cli; xor ax,ax; mov ds,ax; lgdt [gdtr]; mov eax,cr0; or al,1; mov cr0,eax; jmp 8:flat
/// flat:   mov ax,16; mov es,ax; cld                               (32 bits from here)
/// again:  inc eax; mov edi,0x100000; mov ecx,0x300000; rep stosd; jmp again
/// gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
/// gdtr:   dw 23; dd gdt
/// ```
pub(crate) const BUSY: &str = "\
fa31c08ed80f0116487c0f20c00c010f22c0ea177c080066b810008ec0fc40bf\
00001000b900003000f3abebf18d76000000000000000000ffff0000009acf00\
ffff00000092cf001700307c0000";

/// Resets the machine: `mov dx,0xcf9; mov al,6; out dx,al; hlt`.
pub(crate) const RESETTER: &str = "baf90cb006eef4";

/// The first sector of a disk that boots `guest`.
pub(crate) fn boot_sector(guest: &str) -> Vec<u8> {
    let mut sector: Vec<u8> =
        (0..guest.len()).step_by(2).map(|i| u8::from_str_radix(&guest[i..i + 2], 16).unwrap()).collect();
    assert!(sector.len() <= 510, "a boot sector has no room for it");
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

/// A CD whose image of 512 bytes is loaded and run as it is: ISO 9660 with El Torito, "no emulation".
pub(crate) fn iso(guest: &str) -> Vec<u8> {
    const SECTOR: usize = 2048;
    const CATALOG: u32 = 19;
    const IMAGE: u32 = 20;
    let mut cd = vec![0; SECTOR * (IMAGE as usize + 1)];
    let mut put = |sector: u32, at: usize, bytes: &[u8]| {
        let from = sector as usize * SECTOR + at;
        cd.iter_mut().skip(from).zip(bytes).for_each(|(to, byte)| *to = *byte);
    };
    // The primary volume: its name, and its size in sectors and the sector in bytes, in both byte orders.
    put(16, 0, b"\x01CD001\x01");
    put(16, 40, b"TINYBOOT                        ");
    put(16, 80, &[21, 0, 0, 0, 0, 0, 0, 21]);
    put(16, 128, &[0, 8, 8, 0]);
    put(17, 0, b"\x00CD001\x01EL TORITO SPECIFICATION");
    put(17, 0x47, &CATALOG.to_le_bytes());
    put(18, 0, b"\xffCD001\x01");
    // The catalog: an entry whose words add up to zero, then the one that boots one sector of 512 bytes at 0x7c00.
    put(CATALOG, 0, &[1]);
    put(CATALOG, 28, &[0xaa, 0x55, 0x55, 0xaa]);
    put(CATALOG, 32, &[0x88, 0, 0, 0, 0, 0, 1, 0]);
    put(CATALOG, 40, &IMAGE.to_le_bytes());
    put(IMAGE, 0, &boot_sector(guest));
    cd
}
