// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title ERC-2612 permits for a token with a name of any length.
/// @notice OpenZeppelin's ERC20Permit with one difference. Since 5.7 its EIP-712 base keeps the name in one word, so that
/// a token whose name is longer than 31 bytes (eleven Japanese characters) reverts in its constructor. The signing domain
/// is the token's name by custom, which wallets rely on, so a shortened copy is no way out; here the domain reads the name
/// that ERC20 stores anyway. Nothing of the domain is cached: code is the same on every chain and at every address, and a
/// chain that changes its id invalidates old signatures by itself.
abstract contract TallystickPermit is ERC20, IERC20Permit, IERC5267, Nonces {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    string private constant VERSION = "1";

    bytes32 private immutable _hashedName;

    error ERC2612ExpiredSignature(uint256 deadline);

    /// @param signer Whoever signed these very values for this token on this chain; arbitrary when nobody did.
    error ERC2612InvalidSigner(address signer, address owner);

    /// @dev In the constructor, not beside the declaration: there it would run before ERC20 has a name.
    constructor() {
        _hashedName = keccak256(bytes(name()));
    }

    /// @inheritdoc IERC20Permit
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (block.timestamp > deadline) revert ERC2612ExpiredSignature(deadline);
        bytes32 message = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, _useNonce(owner), deadline));
        address signer = ECDSA.recover(MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR(), message), v, r, s);
        if (signer != owner) revert ERC2612InvalidSigner(signer, owner);
        _approve(owner, spender, value);
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc IERC20Permit
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return
            keccak256(
                abi.encode(DOMAIN_TYPEHASH, _hashedName, keccak256(bytes(VERSION)), block.chainid, address(this))
            );
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name_,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // ERC-5267: the five low bits name the domain's fields; here all but the salt.
        return (hex"0f", name(), VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }
}
